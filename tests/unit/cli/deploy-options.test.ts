import assert from "node:assert/strict";
import {
  checkDeployOptions,
  type DeployOptions,
  type DeploySettings,
  decideSettings,
} from "../../../cli/deploy-options";
import { Problems } from "../../../core/problems";

const now = new Date("2030-01-02T03:04:05.678Z");
const nonce = now.toISOString();
const variable = (value: string) => ({ value, where: "/app/.env.deploy" });

type Decided = Pick<DeploySettings, "lasting" | "once">;
type Row = [
  obligation: string,
  options: DeployOptions,
  useCache: string | undefined,
  configured: Record<string, unknown>,
  expected: Partial<Decided>,
];

describe("the settings of a deployment", () => {
  const table: Row[] = [
    ["change nothing without an option", { cache: true }, undefined, {}, {}],
    ["have the tag for this run alone", { tag: "v1" }, undefined, {}, { once: { tag: "v1" } }],
    [
      "have the tag's timestamp for this run alone",
      { tag: "v1", uniqueTag: true },
      undefined,
      { tag: "nightly" },
      { once: { tag: "v1", uniqueTag: "true" } },
    ],
    ["keep the nonce of --no-cache", { cache: false }, undefined, {}, { lasting: { fresh: nonce } }],
    [
      "replace an earlier nonce",
      { cache: false },
      undefined,
      { fresh: "earlier" },
      { lasting: { fresh: nonce } },
    ],
    [
      "keep the nonce of --force-recreate",
      { forceRecreate: true },
      undefined,
      {},
      { lasting: { forceRecreate: nonce } },
    ],
    ["keep pullBase", { pull: true }, undefined, { pullBase: "false" }, { lasting: { pullBase: "true" } }],
    ["have nothing to change if pullBase is set", { pull: true }, undefined, { pullBase: "true" }, {}],
    [
      "can change several at once",
      { tag: "v1", cache: false, pull: true, forceRecreate: true },
      undefined,
      {},
      { lasting: { fresh: nonce, pullBase: "true", forceRecreate: nonce }, once: { tag: "v1" } },
    ],
    [
      "all count for a dry run alone",
      { tag: "v1", uniqueTag: true, cache: false, pull: true, forceRecreate: true, dryRun: true },
      undefined,
      {},
      { once: { fresh: nonce, pullBase: "true", forceRecreate: nonce, tag: "v1", uniqueTag: "true" } },
    ],
    ["rebuild with USE_CACHE=false", {}, "false", {}, { lasting: { fresh: nonce } }],
    ["rebuild with USE_CACHE=No", {}, "No", {}, { lasting: { fresh: nonce } }],
    ["rebuild with USE_CACHE=0", {}, "0", {}, { lasting: { fresh: nonce } }],
    ["do not rebuild with USE_CACHE=TRUE", {}, "TRUE", {}, {}],
    [
      "rebuild with --no-cache whatever USE_CACHE is",
      { cache: false },
      "tru",
      {},
      { lasting: { fresh: nonce } },
    ],
    ["ignore USE_CACHE=false if nothing is built", {}, "false", { promoteFrom: "staging" }, {}],
    [
      "can recreate what was promoted",
      { forceRecreate: true },
      undefined,
      { promoteFrom: "staging" },
      { lasting: { forceRecreate: nonce } },
    ],
  ];
  for (const [obligation, options, useCache, configured, expected] of table) {
    it(obligation, () => {
      const given = useCache === undefined ? undefined : variable(useCache);
      const { lasting, once } = decideSettings(options, given, configured, now);
      assert.deepEqual({ lasting, once }, { lasting: {}, once: {}, ...expected });
    });
  }

  const notes: [DeployOptions, string | undefined, Record<string, unknown>, string[]][] = [
    [{ cache: false, forceRecreate: true, tag: "v1" }, undefined, {}, []],
    [{}, "true", {}, []],
    [
      {},
      "False",
      {},
      ["USE_CACHE=False (/app/.env.deploy): everything is built without cache, as with --no-cache"],
    ],
    [
      {},
      "no",
      { promoteFrom: "staging" },
      [
        "USE_CACHE=no (/app/.env.deploy): without effect, because this stack builds nothing (everfresh:promoteFrom)",
      ],
    ],
    [
      { pull: true },
      undefined,
      {},
      [
        "everfresh:pullBase: is now true, and stays so: without it, the next deployment would bring back images on the old bases",
      ],
    ],
    [
      { pull: true, dryRun: true },
      undefined,
      {},
      [
        "everfresh:pullBase: would be true, and stay so: without it, the next deployment would bring back images on the old bases",
      ],
    ],
    [{ pull: true }, undefined, { pullBase: "true" }, []],
  ];
  for (const [options, useCache, configured, expected] of notes) {
    it(`come with ${expected.length === 0 ? "no note" : expected.join()}`, () => {
      const given = useCache === undefined ? undefined : variable(useCache);
      assert.deepEqual(decideSettings(options, given, configured, now).notes, expected);
    });
  }
});

describe("the options of a deployment", () => {
  const inOneLine =
    "is not an image tag (up to 128 letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`)";
  const promotes =
    "this stack deploys the images that staging proved (everfresh:promoteFrom), and builds and tags none; leave it out here, or use it with that stack";
  const refusals: [string, DeployOptions, string[]][] = [
    [
      "a tag that begins like an option",
      { tag: "-x" },
      [`tag: \`-x\` ${inOneLine}; choose one such as \`v1.2.3\``],
    ],
    [
      "a tag with a letter that a registry refuses",
      { tag: "vé" },
      [`tag: \`vé\` ${inOneLine}; choose one such as \`v1.2.3\``],
    ],
    [
      "a tag that is too long",
      { tag: "v".repeat(129) },
      [`tag: \`${"v".repeat(79)}…\` ${inOneLine}; choose one such as \`v1.2.3\``],
    ],
    [
      "a change that is approved and only shown",
      { dryRun: true, yes: true },
      ["--dry-run: changes nothing, but --yes approves a change; leave one of them out"],
    ],
  ];
  for (const [what, options, expected] of refusals) {
    it(`are refused: ${what}`, () =>
      assert.deepEqual(
        problemsOf(() => checkDeployOptions(options)),
        expected,
      ));
  }

  it("that need a build are refused where nothing is built", () => {
    const options = { tag: "v1", uniqueTag: true, cache: false, pull: true };
    assert.deepEqual(
      problemsOf(() => decideSettings(options, undefined, { promoteFrom: "staging" }, now)),
      ["tag", "--unique-tag", "--no-cache", "--pull"].map((option) => `${option}: ${promotes}`),
    );
  });

  for (const value of ["maybe", "off", "tru", " false", "\u001b[2J"]) {
    it(`are not guessed from USE_CACHE=${JSON.stringify(value)}`, () =>
      assert.deepEqual(
        problemsOf(() => decideSettings({}, variable(value), {}, now)),
        [
          `USE_CACHE (/app/.env.deploy): must be true or false, not \`${value.replace("\u001b", "?")}\`; correct it or remove it`,
        ],
      ));
  }
});

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof Problems) return error.problems;
    throw error;
  }
  return [];
}
