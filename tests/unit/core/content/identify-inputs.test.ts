import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { type BuildSpec, identify } from "../../../../core/content";
import { CopiedFolder } from "./folder";

describe("identify, for the Dockerfile and the build's settings", () => {
  const folder = new CopiedFolder();
  const withArg = (name: string, value: string | null) => folder.content({ args: { [name]: value } });

  const settings: Record<string, Partial<BuildSpec>> = {
    "a label": { labels: { a: "1" } },
    "a platform": { platforms: ["linux/arm64"] },
    "the id of a secret": { secrets: ["token"] },
    "an argument of BuildKit": { args: { BUILDKIT_INLINE_CACHE: "1" } },
    "an attestation": { sbom: "true" },
  };
  for (const [what, setting] of Object.entries(settings)) {
    it(`changes the hash when ${what} is set`, async () => {
      assert.notEqual(await folder.content(setting), await folder.content());
    });
  }

  it("changes the hash when `fresh` is set", async () => {
    assert.notEqual((await identify(folder.spec(), { fresh: "1" })).content, await folder.content());
  });

  it("changes the hash with the network if the Dockerfile runs commands, and only then", async () => {
    assert.equal(await folder.content({ network: "host" }), await folder.content());
    folder.dockerfile("FROM debian", "RUN true");
    assert.notEqual(await folder.content({ network: "host" }), await folder.content());
  });

  describe("build arguments", () => {
    it("count if a stage declares them", async () => {
      folder.dockerfile("FROM scratch", "ARG USED", "COPY . /");
      assert.notEqual(await withArg("USED", "1"), await withArg("USED", "2"));
    });

    it("do not count if no stage declares them", async () => {
      folder.dockerfile("FROM scratch", "ARG USED", "COPY . /");
      assert.equal(await withArg("OTHER", "1"), await withArg("OTHER", "2"));
    });

    it("do not count without a value", async () => {
      folder.dockerfile("FROM scratch", "ARG USED", "COPY . /");
      assert.equal(await withArg("USED", null), await folder.content());
    });

    it("count if they name the base image", async () => {
      folder.dockerfile("ARG TAG=1", "ARG UNUSED", "FROM debian:$TAG");
      assert.notEqual(await withArg("TAG", "2"), await withArg("TAG", "3"));
      assert.equal(await withArg("UNUSED", "2"), await folder.content());
    });

    it("do not count if they only name the base of an unneeded stage", async () => {
      const lines = (node: string) => [
        "ARG PY=3",
        `ARG NODE=${node}`,
        "FROM python:$PY AS api",
        "FROM node:$NODE AS web",
      ];
      folder.dockerfile(...lines("20"));
      const api = (NODE: string) => folder.content({ target: "api", args: { NODE } });
      assert.equal(await api("20"), await api("22"));
      assert.ok(!(await folder.changes(() => folder.dockerfile(...lines("22")), { target: "api" })));
    });

    for (const name of ["SOURCE_DATE_EPOCH", "BUILDKIT_SANDBOX_HOSTNAME"]) {
      it(`count as ${name}, with a default before the first FROM`, async () => {
        const before = await folder.contentWith(`ARG ${name}=0`, "FROM scratch");
        assert.notEqual(await folder.contentWith(`ARG ${name}=1700000000`, "FROM scratch"), before);
      });
    }

    it("count without a declaration if they replace one of the builder's own", async () => {
      folder.dockerfile(
        "FROM --platform=$BUILDPLATFORM debian AS build",
        "FROM scratch",
        "COPY --from=build /a /",
      );
      const amd64 = await withArg("BUILDPLATFORM", "linux/amd64");
      assert.notEqual(amd64, await withArg("BUILDPLATFORM", "linux/arm64"));
      assert.notEqual(amd64, await folder.content());
    });
  });

  describe("the target", () => {
    it("counts by the stages that lead to it", async () => {
      folder.dockerfile("FROM scratch AS one", "COPY a.txt /", "FROM scratch AS two", "COPY README.md /");
      assert.notEqual(await folder.content({ target: "one" }), await folder.content());
      assert.equal(await folder.content({ target: "two" }), await folder.content());
    });

    /** Whether the name of the target counts, after some lines of the stage that both targets begin with. */
    const nameCounts = async (...lines: string[]) => {
      folder.dockerfile("FROM debian AS base", ...lines, "FROM base AS dev", "FROM base AS prod");
      assert.equal(await folder.content({ target: "prod" }), await folder.content());
      return (await folder.content({ target: "dev" })) !== (await folder.content({ target: "prod" }));
    };

    it("counts by its name if a needed stage reads TARGETSTAGE", async () => {
      assert.ok(await nameCounts("ARG TARGETSTAGE", "RUN echo $TARGETSTAGE > /stage"));
    });

    it("does not count by its name if no stage reads TARGETSTAGE", async () => {
      assert.ok(!(await nameCounts("RUN true")));
    });

    it("does not count by its name if only an unneeded stage reads TARGETSTAGE", async () => {
      assert.ok(!(await nameCounts("RUN true", "FROM debian AS unused", "ARG TARGETSTAGE")));
    });

    it("counts by its name if a needed stage reads it through another argument", async () => {
      folder.dockerfile(
        "ARG STAGE=$TARGETSTAGE",
        "FROM debian AS one",
        "ARG STAGE",
        "FROM debian",
        "ARG STAGE",
      );
      assert.notEqual(await folder.content({ target: "one" }), await folder.content());
    });
  });

  describe("the Dockerfile's text", () => {
    it("counts byte by byte, even if it is not UTF-8", async () => {
      const write = (byte: number) =>
        writeFileSync(folder.at("Dockerfile"), Buffer.from([...Buffer.from("FROM scratch\nLABEL a="), byte]));
      write(0xfe);
      assert.ok(await folder.changes(() => write(0xff)));
    });

    it("counts the same inline as in a file", async () => {
      const inline = await folder.content({ dockerfileInline: "FROM scratch\nCOPY src /\n" });
      assert.equal(await folder.contentWith("FROM scratch", "COPY src /"), inline);
    });

    it("does not count in comments, line breaks, names of stages and unused stages", async () => {
      const plain = await folder.contentWith(
        "FROM scratch AS base",
        "COPY a.txt README.md /x/",
        "FROM base",
        "COPY --from=base /x /y",
      );
      const dressed = await folder.contentWith(
        "# syntax is not this",
        "FROM scratch AS root",
        "copy a.txt \\",
        "  # why",
        "  README.md   /x/",
        "FROM scratch AS unused",
        "COPY src /",
        "FROM root",
        "COPY --from=root /x /y",
      );
      assert.equal(dressed, plain);
    });

    it("does not count in settings for containers of a stage that is only copied from", async () => {
      const target = ["FROM scratch", "COPY --from=build /a.txt /"];
      const before = await folder.contentWith("FROM scratch AS build", "COPY a.txt /", ...target);
      const build = ["FROM scratch AS build", "LABEL a=1", "COPY a.txt /", 'CMD ["x"]'];
      assert.equal(await folder.contentWith(...build, ...target), before);
    });

    const sameLayouts: Record<string, [one: string[], other: string[]]> = {
      ENV: [['ENV A=1 B="x  y"'], ["ENV A=1 \\", '   B="x  y"']],
      LABEL: [["LABEL a=1 b=2"], ["LABEL   a=1 \\", "\tb=2"]],
      EXPOSE: [["EXPOSE 80 443"], ["EXPOSE 80 \t443"]],
      ARG: [["ARG P=1 Q"], ["ARG P=1 \\", "  Q"]],
    };
    for (const [keyword, [one, other]] of Object.entries(sameLayouts)) {
      it(`does not count in the layout of ${keyword}`, async () => {
        const before = await folder.contentWith("FROM scratch", ...one);
        assert.equal(await folder.contentWith("FROM scratch", ...other), before);
      });
    }

    const otherMeanings: Record<string, [one: string, other: string]> = {
      "spaces in quotes": ['ENV A="x  y"', 'ENV A="x y"'],
      "spaces in single quotes": ["LABEL a='x  y'", "LABEL a='x y'"],
      "escaped spaces": ["ENV A=x\\  y=1", "ENV A=x\\ y=1"],
      "spaces in an ENV without an equals sign": ["ENV A x  y=1", "ENV A x y=1"],
      "a byte order mark, which is no space to the builder": ["ENV A=1\ufeffB=2", "ENV A=1 B=2"],
      "spaces in a command": ["RUN a  b", "RUN a b"],
    };
    for (const [what, [one, other]] of Object.entries(otherMeanings)) {
      it(`counts in ${what}`, async () => {
        const before = await folder.contentWith("FROM scratch", one);
        assert.notEqual(await folder.contentWith("FROM scratch", other), before);
      });
    }
  });
});
