import assert from "node:assert/strict";
import fc from "fast-check";
import { analyse } from "../../../../../core/content/dockerfile";

describe("analyse", () => {
  const plain = { args: {}, contexts: [] };
  const sources = (text: string, more = {}) =>
    analyse(text, { ...plain, ...more }).sources.map(({ context, path }) =>
      context ? `${context}:${path}` : path,
    );
  const unsure = (text: string, more = {}) => analyse(text, { ...plain, ...more }).unsure;

  const reads: Record<string, [text: string, sources: string[]]> = {
    "every source of COPY and ADD": ["FROM scratch\nCOPY a b/ ./c /x/\nADD d /", ["a", "b", "c", "d"]],
    "the exec form": ['FROM scratch\nCOPY ["a b", "c", "/"]', ["a b", "c"]],
    "nothing outside of the context": ["FROM scratch\nCOPY ../a b/../../c /d / /", ["a", "c", "d", ""]],
    "no URL": ["FROM scratch\nADD https://example.com/x git@example.com:x.git a /", ["a"]],
    "no heredoc": ["FROM scratch\nCOPY <<A b /x/\n1\nA\n", ["b"]],
    "bind mounts": ["FROM x\nRUN --mount=source=a,target=/a --mount=type=bind,src=b,dst=/b y", ["a", "b"]],
    "all of it for a bind mount without a source": ["FROM x\nRUN --mount=target=/a y", [""]],
    "no other mounts": [
      "FROM x\nRUN --mount=type=cache,target=/c --mount=type=secret,id=s --mount=type=ssh --mount=type=tmpfs,target=/t y",
      [],
    ],
    "no other stage": ["FROM x AS a\nCOPY a /\nFROM x\nCOPY --from=a /a /", ["a"]],
    "only stages that lead to the target": [
      "FROM x AS a\nCOPY a /\nFROM x AS b\nCOPY b /\nFROM x\nCOPY --from=0 / /",
      ["a"],
    ],
    "a stage by any way of writing its name": [
      "FROM x AS Build\nCOPY a /\nFROM x\nCOPY --from=BUILD / /",
      ["a"],
    ],
    "a stage that is mounted": ["FROM x AS a\nCOPY a /\nFROM x\nRUN --mount=from=a,target=/a y", ["a"]],
    "a stage that FROM names by an argument": [
      "ARG B=one\nFROM x AS one\nCOPY a /\nFROM x AS two\nCOPY b /\nFROM $B",
      ["a"],
    ],
    "variables of ARG and ENV": [
      "ARG G=g\nFROM x\nARG G\nARG A=a$G\nENV E=${A}e\nCOPY $A $E ${A:-z} ${A:+y}/x /",
      ["ag", "age", "ag", "y/x"],
    ],
    "an unset variable of an image from scratch as nothing": ["FROM scratch\nCOPY a$NO /", ["a"]],
    "ENV in the old form and with quotes": [
      'FROM x\nENV A b c\nENV D=\'e\'\nENV F="$D"\nCOPY ["$A", "$F", "/"]',
      ["b c", "e"],
    ],
    "quoted sources": ["FROM x\nCOPY \"a\" 'b' /", ["a", "b"]],
    "ONBUILD of a stage that another is built upon": ["FROM x AS a\nONBUILD COPY o /\nFROM a", ["o"]],
  };
  for (const [name, [text, expected]] of Object.entries(reads)) {
    it(`finds that ${name} is read`.replace(/that (no|nothing)/, "that $1"), () => {
      assert.equal(unsure(text), undefined);
      assert.deepEqual(sources(text), expected);
    });
  }

  it("reads a named context in place of an image or a stage of the same name", () => {
    const contexts = ["assets", "base", "docker.io/library/debian:latest"];
    assert.deepEqual(
      sources("FROM debian\nCOPY --from=assets a b /\nRUN --mount=from=assets,source=c,target=/c x", {
        contexts,
      }),
      ["docker.io/library/debian:latest:", "assets:a", "assets:b", "assets:c"],
    );
    assert.deepEqual(sources("FROM x AS base\nCOPY a /\nFROM base", { contexts }), ["base:"]);
  });

  it("reads what the known ONBUILD instructions of a base image read", () => {
    assert.deepEqual(sources("FROM img", { onBuild: { img: ["COPY o /", "RUN x"] } }), ["o"]);
    const contextImages = { c: "img" };
    const onBuild = { img: ["COPY o /"] };
    assert.deepEqual(sources("FROM c", { contexts: ["c"], contextImages, onBuild }), ["c:", "o"]);
  });

  describe("with a base image whose ONBUILD instructions are unknown", () => {
    const onBuild = { img: [], debian: undefined };

    it("is unsure", () => {
      assert.match(unsure("FROM debian AS a\nFROM img", { onBuild, target: "a" })!, /debian has ONBUILD/);
    });
    it("is sure if only an unneeded stage begins with it", () => {
      const text = "FROM debian AS unused\nFROM scratch AS s\nFROM img\nCOPY --from=s /x /";
      assert.equal(unsure(text, { onBuild }), undefined);
    });
    it("is sure for an image that is known to have none", () => {
      assert.equal(unsure("FROM img", { onBuild }), undefined);
    });
    it("is sure for an image that nothing is known about, whatever its name", () => {
      assert.equal(unsure("FROM debian"), undefined);
      assert.equal(unsure("FROM constructor", { onBuild }), undefined);
    });
    it("is unsure for an image with onbuild in its name", () => {
      assert.match(unsure("FROM python:3-onbuild")!, /ONBUILD/);
    });
  });

  it("uses the value that is given for an argument or follows from the platform", () => {
    assert.deepEqual(sources("FROM x\nARG A=a\nCOPY $A /", { args: { A: "b" } }), ["b"]);
    assert.deepEqual(sources("FROM x\nARG TARGETARCH\nCOPY bin-$TARGETARCH /", { platform: "linux/arm64" }), [
      "bin-arm64",
    ]);
  });

  it("uses a value that is given for one of the builder's own arguments, without a declaration", () => {
    const text =
      "FROM x AS base-amd64\nCOPY a /\nFROM x AS base-arm64\nCOPY b /\nFROM base-$TARGETARCH\nARG TARGETARCH\nCOPY c-$TARGETARCH /";
    const platform = "linux/amd64";
    assert.deepEqual(sources(text, { platform }), ["a", "c-amd64"]);
    assert.deepEqual(sources(text, { platform, args: { TARGETARCH: null } }), ["a", "c-amd64"]);
    assert.deepEqual(sources(text, { platform, args: { TARGETARCH: "arm64" } }), ["b", "c-arm64"]);
    assert.deepEqual(sources(text, { args: { TARGETARCH: "arm64" } }), ["b", "c-arm64"]);
  });

  for (const name of ["BUILDOS", "BUILDOSVERSION", "TARGETOSVERSION", "TARGETSTAGE"]) {
    it(`knows ${name} only if it is given`, () => {
      assert.ok(unsure(`FROM x$${name}`, { platform: "linux/amd64" }));
      assert.deepEqual(analyse(`FROM x$${name}`, { ...plain, args: { [name]: "y" } }).images, ["xy"]);
    });
  }

  const unknown: Record<string, string> = {
    "a custom frontend": "# syntax=example.com/frontend\nFROM x",
    "an unknown instruction": "FROM x\nINCLUDE y",
    "an unknown flag of COPY": "FROM x\nCOPY --new=1 a /",
    "an unknown flag of RUN": "FROM x\nRUN --new=1 a",
    "a variable of the base image": "FROM x\nCOPY $HOME /",
    "an argument that may come from the base image": "FROM x\nARG A\nCOPY $A /",
    "a platform that only the builder knows": "FROM x\nARG TARGETARCH\nCOPY $TARGETARCH /",
    "a form of substitution that is new": "FROM x\nARG A=a\nCOPY ${A%b} /",
    "an argument whose name is quoted": "FROM x\nARG 'A'\nRUN y",
    "an argument whose name is a variable": "FROM x\nARG $A\nRUN y",
    "a variable whose name is a variable": "FROM x\nENV $A=1\nRUN y",
    "a global argument whose name is quoted": 'ARG "A"=1\nFROM x',
    "a target that is not there": "FROM x AS a",
    "an empty file": "\n",
    "an instruction before FROM": "RUN x\nFROM y",
    "a mount with quotes in it": `FROM x\nRUN --mount='type=bind,"source=a,b"' y`,
  };
  for (const [name, text] of Object.entries(unknown)) {
    it(`counts everything for ${name}, and says why`, () => {
      const options = {
        ...plain,
        args: { A: null, B: "1" },
        contexts: ["c"],
        ...(name.includes("target") && { target: "b" }),
      };
      const reading = analyse(text, options);
      assert.ok(reading.unsure);
      assert.equal(reading.dockerfile, text);
      assert.deepEqual(reading.args, { B: "1" });
      assert.deepEqual(
        reading.sources.map(({ context, path }) => [context, path]),
        [
          [undefined, ""],
          ["c", ""],
        ],
      );
    });
  }

  it("never fails, whatever the text", () => {
    const parts = [
      "FROM ",
      "x",
      " AS a",
      "\n",
      "COPY ",
      "--from=",
      "a b",
      "<<E",
      "E",
      "ARG A",
      "=",
      "$A",
      "${A",
      "}",
      '"',
      "'",
      "\\",
      "ENV ",
      "RUN ",
      "--mount=",
      "from=a,",
      "ONBUILD ",
      "# escape=`",
      "`",
      "[",
      "]",
      "é",
    ];
    const text = fc.array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 3 })), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(text, (words) => void analyse(words.join(""), plain)),
      { numRuns: 3000 },
    );
  });

  for (const image of [
    "docker/dockerfile:1",
    "docker.io/docker/dockerfile:1.7-labs",
    "docker/dockerfile-upstream:master",
  ]) {
    it(`recognizes ${image} as Docker's own frontend`, () => {
      assert.equal(unsure(`# syntax=${image}\nFROM x`), undefined);
    });
  }

  it("is unsure if an argument names another frontend", () => {
    assert.ok(unsure("FROM x", { args: { BUILDKIT_SYNTAX: "y" } }));
  });

  it("names the images that needed stages use", () => {
    const text =
      "ARG T=1\nFROM a:$T AS s\nFROM unused\nFROM s\nCOPY --from=b:2 / /\nRUN --mount=from=c,target=/c x";
    assert.deepEqual(analyse(text, plain).images, ["a:1", "b:2", "c"]);
  });

  it("names the images even if the sources of a COPY are uncertain", () => {
    const text =
      "FROM a AS s\nFROM unused\nFROM s\nARG TARGETARCH\nCOPY app-$TARGETARCH /\nCOPY --from=b / /";
    const reading = analyse(text, plain);
    assert.match(reading.unsure!, /TARGETARCH/);
    assert.deepEqual([reading.images, reading.parents], [["a", "b"], ["a"]]);
  });

  const unknownImages: Record<string, string> = {
    "another frontend": "# syntax=mirror.example.com/docker/dockerfile:1\nFROM x",
    "an image that is named by an unknown form of substitution": "FROM x:${V%%.*}",
  };
  for (const [what, text] of Object.entries(unknownImages)) {
    it(`names no images for ${what}`, () => {
      const reading = analyse(text, plain);
      assert.ok(reading.unsure);
      assert.equal(reading.images, undefined);
    });
  }
});
