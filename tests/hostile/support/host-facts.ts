import assert from "node:assert/strict";
import fc from "fast-check";
import { renderStatus, reportOf, statusExit } from "../../../cli/status";
import type { Paint } from "../../../cli/terminal";
import { judge } from "../../../core/host/judge";
import { statusOf } from "../../../core/host/status";
import type { HostState } from "../../../core/host/types";
import { calm } from "../../unit/core/host/states";
import { anyText, damaged, damagedText, json } from "./fragments";
import { assertPrintable } from "./refusals";

export const noPaint: Paint = (_, text) => text;

export const folder = "/home/deploy/.everfresh/shop";
/** A container as docker says it there, in JSON. */
export const fact = (container: object) =>
  `container ${JSON.stringify({ health: null, name: "/shop-web-1", folder, ...container })}`;

/** What remote/probe.sh prints of a host on which all is well. */
export const { current, proved, containers } = calm();
export const facts = [
  "everfresh probe 1",
  `folder ${folder}`,
  "release r1",
  `manifest ${JSON.stringify(current)}`,
  ...["deployment d1", "serial 1", "at 2026-03-01T10:00:05Z", "token calm", "lineage l"].map(
    (line) => `proved ${line}`,
  ),
  ...["who ann", "from laptop", "stack prod", "host web1"].map((line) => `proved ${line}`),
  ...proved.map(
    ({ imageId, configHash, state, service }) => `proved runs ${imageId}|${configHash}|${state}|${service}`,
  ),
  "unfinished",
  "unfinished release r2",
  "unfinished since 2026-03-01T11:00:00Z",
  "unfinished who bob",
  "locked",
  "holder release r2",
  "holder since 2026-03-01T11:00:00Z",
  "holder who bob",
  "holder from desk",
  ...containers.map(({ digests: _, ...container }) => fact(container)),
  ...containers.map(
    ({ imageId, digests }) =>
      `image ${JSON.stringify({ id: imageId, digests: digests.map((d) => `r/a@${d}`) })}`,
  ),
  `tampered ${"f".repeat(64)}`,
  "end",
];
export const whole = `${facts.join("\n")}\n`;

/** One fact more, or one fact's value replaced, before the end. */
const oneFact = fc
  .tuple(
    fc.nat(facts.length - 2),
    fc.oneof(
      anyText,
      json.map((value) => JSON.stringify(value)),
    ),
    fc.boolean(),
  )
  .map(([i, value, added]) => {
    const [key] = /^\S+( (release|since|who|from|at|token|host|runs|stack))? /.exec(`${facts[i]} `)!;
    const changed = facts.with(i, key + value);
    return `${(added ? [...facts.slice(0, -1), key + value, "end"] : changed).join("\n")}\n`;
  });
/** One JSON fact with something else in it. */
const oneDocument = fc.nat(facts.length - 1).chain((i) => {
  const [, key, document] = /^(\S+) (\{.*)$/.exec(facts[i]!) ?? [];
  if (document === undefined) return fc.constant(whole);
  return damaged(JSON.parse(document)).map(
    (each) => `${facts.with(i, `${key} ${JSON.stringify(each)}`).join("\n")}\n`,
  );
});
export const answers = fc.oneof(
  { weight: 4, arbitrary: oneDocument },
  { weight: 3, arbitrary: oneFact },
  { weight: 2, arbitrary: damagedText(whole) },
  { weight: 1, arbitrary: anyText },
);

/** Everything that is made of a host's state can be shown, and says it in lines. */
export function assertShown(state: HostState): void {
  for (const known of [{}, { release: "r1", host: "web1" }]) {
    const { token, drift, notes } = judge(state, known);
    for (const text of [...drift, ...notes]) assertPrintable(text);
    assert.equal(typeof token, "string");
    if (token !== state.token) assertPrintable(token);
  }
  JSON.stringify(statusOf(state));
  const report = reportOf(
    [
      { name: "web1", value: state },
      { name: "web2", problems: ["web2: is gone; look at it"] },
    ],
    { contents: { web: "e".repeat(64) } },
    { pinned: "r1" },
  );
  JSON.stringify(report);
  assert.ok([0, 1, 2, 3].includes(statusExit(report, true)));
  for (const line of renderStatus(report, noPaint)) assertPrintable(line);
}
