import assert from "node:assert/strict";
import { pinImages } from "../../../../../core/content/dockerfile";

const ref = (name: string) => `registry.example.com/shop-${name}@sha256:${"d1".repeat(32)}`;
const refs = { base: ref("base"), tools: ref("tools"), "team/base:1": ref("base") };
const options = {
  args: { VERSION: "1" },
  contexts: [...Object.keys(refs), "assets"],
  contextImages: { base: "service:base", tools: "service:tools", "team/base:1": "service:base" },
  onBuild: { "service:base": ["COPY page /"] },
};
const pinned = (text: string) => pinImages(text, options, refs);

describe("pinImages", () => {
  const cases: [string, string, string][] = [
    ["begins with", "FROM base\n", `FROM ${ref("base")}\n`],
    ["begins with, under a name", "FROM team/base:1 as web\nRUN a\n", `FROM ${ref("base")} as web\nRUN a\n`],
    [
      "begins with through a variable",
      "ARG VERSION\nFROM --platform=linux/amd64 team/base:${VERSION}\r\nCMD a\n",
      `ARG VERSION\nFROM --platform=linux/amd64 ${ref("base")}\r\nCMD a\n`,
    ],
    [
      "copies from",
      "FROM scratch\n# --from=tools\nCOPY --chown=1 --from=tools \\\n  /a /b\nCOPY --from=assets /tools /from=tools\n",
      `FROM scratch\n# --from=tools\nCOPY --chown=1 --from=${ref("tools")} \\\n  /a /b\nCOPY --from=assets /tools /from=tools\n`,
    ],
    [
      "mounts",
      "FROM debian\nRUN --mount=from=tools,target=/t --mount=type=bind,source=/,from=tools,target=/u \\\n  /t/x from=tools\n",
      `FROM debian\nRUN --mount=from=${ref("tools")},target=/t --mount=type=bind,source=/,from=${ref("tools")},target=/u \\\n  /t/x from=tools\n`,
    ],
    [
      "copies from in a quoted flag",
      'FROM base AS a\nFROM scratch\nCOPY --from="tools" /x /\nCOPY --from=a /x /\n',
      `FROM ${ref("base")} AS a\nFROM scratch\nCOPY --from="${ref("tools")}" /x /\nCOPY --from=a /x /\n`,
    ],
  ];
  for (const [what, text, expected] of cases) {
    it(`names what a Dockerfile ${what} by its digest, and changes nothing else`, () => {
      assert.equal(pinned(text), expected);
    });
  }

  it("does not change a Dockerfile that names no such context", () => {
    const text = "FROM debian AS base2\nCOPY base tools\nRUN echo FROM base\n";
    assert.equal(pinned(text), text);
  });

  it("does not change stages that the target does not need", () => {
    const text = "FROM base AS other\nFROM tools\n";
    assert.equal(pinned(text), `FROM base AS other\nFROM ${ref("tools")}\n`);
  });

  for (const [what, text] of [
    ["a stage that a context replaces", "FROM debian AS base\nRUN a\nFROM base\n"],
    ["an image that only an ONBUILD instruction names", "FROM base2\n"],
    ["a name on the line after its FROM", "FROM \\\n  base\n"],
    ["another frontend", "# syntax=other/frontend\nFROM base\n"],
    ["a name with an unknown form of substitution", "FROM ${VERSION%a}base\n"],
  ] as const) {
    it(`returns nothing for ${what}`, () => {
      const more = {
        ...options,
        contextImages: { ...options.contextImages, base2: "service:base2" },
        contexts: [...options.contexts, "base2"],
        onBuild: { ...options.onBuild, "service:base2": ["COPY --from=tools /x /"] },
      };
      assert.equal(pinImages(text, more, { ...refs, base2: ref("base2") }), undefined);
    });
  }
});
