import assert from "node:assert/strict";
import fc from "fast-check";
import { judge } from "../../../../core/host/judge";
import { parseProbe } from "../../../../core/host/probe";
import { readResult } from "../../../../core/host/result";
import { statusOf } from "../../../../core/host/status";

const FOLDER = "/home/deploy/.everfresh/shop";
const image = `sha256:${"b".repeat(64)}`;
const manifest = {
  ...{ id: "r1", project: "shop", tag: "t", who: "ann", from: "laptop", stack: "prod" },
  services: [{ name: "web", image: "nginx", replicas: 1, files: ["f1"] }],
  files: [{ path: "site.conf", fingerprint: "f1" }],
};
const container = {
  ...{ id: "c1", name: "/shop-web-1", service: "web", folder: FOLDER, imageId: image, state: "running" },
  ...{ health: null, exitCode: 0, startedAt: "2026-03-01T10:00:00Z", restarts: 0, configHash: "h1" },
};
const proved = [
  "deployment d1",
  "at 2026-03-01T10:00:00Z",
  "token t1",
  "lineage l1",
  "host h",
  `runs ${image}|h1|running|web`,
];

interface Facts {
  manifest?: string;
  proved?: string[];
  containers?: object[];
  more?: string[];
}

/** What the probe of a calm host prints, with changes. */
const answer = ({
  manifest: file = JSON.stringify(manifest),
  proved: proof = proved,
  containers,
  more = [],
}: Facts = {}) =>
  [
    "everfresh probe 1",
    `folder ${FOLDER}`,
    "release r1",
    `manifest ${file}`,
    ...proof.map((line) => `proved ${line}`),
    ...more,
    ...(containers ?? [container]).map((each) => `container ${JSON.stringify(each)}`),
    `image ${JSON.stringify({ id: image, digests: null })}`,
    "end",
    "",
  ].join("\n");
const driftOf = (facts: Facts) => judge(parseProbe(answer(facts))).drift;

describe("a probe's answer", () => {
  it("is parsed into facts", () => {
    const state = parseProbe(`Welcome!\n${answer()}`);
    assert.deepEqual(judge(state), { token: "t1", drift: [], notes: [] });
    assert.deepEqual([state.current?.id, state.lineage, state.damaged], ["r1", "l1", []]);
  });

  const whole = JSON.stringify(manifest);
  const damagedManifests = [
    "",
    "{}",
    "[]",
    "1",
    "null",
    whole.slice(0, 40),
    whole.replace('"r1"', '"r2"'),
  ].concat(
    JSON.stringify({ ...manifest, services: [1] }),
    JSON.stringify({ ...manifest, files: {} }),
    JSON.stringify({ ...manifest, services: [{ ...manifest.services[0], replicas: "1" }] }),
  );
  for (const file of damagedManifests)
    it(`names a damaged manifest, and still knows the release: ${file || "nothing"}`, () => {
      const state = parseProbe(answer({ manifest: file, more: ["tampered manifest.json"] }));
      assert.equal(state.current?.id, "r1");
      assert.deepEqual(judge(state).drift, ["releases/r1/manifest.json on the host is damaged"]);
      assert.equal(statusOf(state).release, "r1");
    });

  it("names a damaged proof, with a new token each time", () => {
    const drift = ["releases/r1/proved on the host is damaged"];
    const tokens = ["one", "two"].map((emptySince) => {
      const state = parseProbe(
        answer({ proved: proved.filter((line) => !line.startsWith("token")), more: [`bare ${emptySince}`] }),
      );
      assert.deepEqual(judge(state).drift, drift);
      return judge(state).token;
    });
    assert.equal(new Set(tokens).size, 2);
    assert.deepEqual(driftOf({ proved: [] })[0], drift[0]);
    assert.deepEqual(driftOf({ proved: ["token "] })[0], drift[0]);
    assert.equal(parseProbe(answer({ proved: ["lineage "] })).lineage, undefined);
  });

  it("reports the unknown facts of an interrupted deployment as unknown", () => {
    assert.deepEqual(driftOf({ more: ["unfinished"] }), [
      "deployment of unknown by unknown was cut off (unknown)",
    ]);
  });

  it("distinguishes our containers from those that only carry the project's labels", () => {
    const strangers = (changes: object) =>
      parseProbe(answer({ containers: [{ ...container, ...changes }] })).containers.map(
        ({ stranger }) => stranger,
      );
    assert.deepEqual(strangers({}), [undefined]);
    assert.deepEqual(strangers({ folder: "/other" }), [undefined], "its configuration was proved");
    assert.deepEqual(strangers({ folder: null, configHash: "h2" }), ["shop-web-1"]);
    assert.deepEqual(strangers({ folder: null, service: "api" }), ["shop-web-1"]);
    assert.deepEqual(strangers({ folder: null, service: null, configHash: null }), ["shop-web-1"]);
    assert.deepEqual(strangers({ folder: `${FOLDER}\n`, configHash: "" }), ["shop-web-1"]);
  });

  for (const line of ["{}", "x", '{"id":1}', "[]"])
    it(`is refused with a one-line message if docker's part is ${line}`, () => {
      assert.throws(
        () => parseProbe(answer({ containers: [], more: [`container ${line}`] })),
        (error) => error instanceof RangeError && /^docker's answer .*; [^\n]*$/.test(error.message),
      );
    });

  it("is either judged or refused, whatever a host sends", () => {
    const lines = answer().split("\n");
    const junk = fc.oneof(
      fc.constantFrom(...lines),
      fc.string(),
      fc.json().map((json) => `container ${json}`),
      fc.json().map((json) => `manifest ${json}`),
    );
    fc.assert(
      fc.property(fc.array(junk, { maxLength: 12 }), (middle) => {
        try {
          const state = parseProbe(["everfresh probe 1", ...middle, "end"].join("\n"));
          statusOf(state, judge(state, { release: "r1", host: "h" }));
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
      }),
    );
  });
});

describe("a deployment's answer", () => {
  const result = {
    release: "r1",
    verifiedAt: "now",
    services: { web: { container: "c", startedAt: "s", health: "h" } },
  };
  const line = JSON.stringify({ ...result, seconds: { pull: 1 } });

  it("is the last line that holds a complete result", () => {
    assert.deepEqual(readResult(`motd\n${line.replace("r1", "r0")}\n${line}\nbye\n`), result);
  });

  for (const bad of ["", "{}", "[]", line.slice(0, -1), line.replace('"r1"', "1"), line.replace('"c"', "{}")])
    it(`is empty if no line is a complete result: ${bad || "nothing"}`, () =>
      assert.deepEqual(readResult(bad), { release: "", verifiedAt: "", services: {} }));

  it("makes the next run deploy again if it cannot be read", () => {
    const { drift, token } = judge(parseProbe(answer()), { release: "" });
    assert.deepEqual(drift, ["what its last deployment answered cannot be read"]);
    assert.notEqual(token, "t1");
  });
});
