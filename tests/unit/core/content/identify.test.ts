import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BuildSpec,
  baseImages,
  ContentError,
  identify,
  ownOnBuild,
  parentImages,
} from "../../../../core/content";
import { Folder } from "./folder";

describe("identify", () => {
  const folder = new Folder();
  const content = async (more: Partial<BuildSpec> = {}) => (await identify(folder.spec(more))).content;
  const paths = async (more: Partial<BuildSpec> = {}) =>
    (await identify(folder.spec(more))).files.map(({ path }) => path);
  const dockerfile = (...lines: string[]) => folder.write({ Dockerfile: `${lines.join("\n")}\n` });

  beforeEach(() => {
    dockerfile("FROM scratch", "COPY . /");
    folder.write({ "a.txt": "a", "src/page.ts": "page", "src/lib/b.txt": "b", "README.md": "readme" });
  });

  const changed = async (act: () => void, more: Partial<BuildSpec> = {}) => {
    const before = await content(more);
    act();
    return before !== (await content(more));
  };

  describe("counts", () => {
    it("the bytes of a file", async () => {
      assert.ok(await changed(() => folder.write({ "a.txt": "A" })));
    });
    it("where a file is", async () => {
      const before = await content();
      execFileSync("mv", [folder.at("a.txt"), folder.at("src/a.txt")]);
      assert.notEqual(await content(), before);
    });
    it("which of two files has which bytes", async () => {
      assert.ok(await changed(() => folder.write({ "a.txt": "page", "src/page.ts": "a" })));
    });
    it("where one file ends and the next begins", async () => {
      folder.write({ x: "1", y: "23" });
      assert.ok(await changed(() => folder.write({ x: "12", y: "3" })));
    });
    it("the executable bit", async () => {
      assert.ok(await changed(() => chmodSync(folder.at("a.txt"), 0o755)));
    });
    it("permissions that no umask explains", async () => {
      assert.ok(await changed(() => chmodSync(folder.at("a.txt"), 0o600)));
    });
    it("permissions that were taken from most of the files that are read, or from all", async () => {
      dockerfile("FROM scratch", "COPY a.txt README.md /etc/");
      for (const mode of [0o600, 0o640, 0o664]) {
        const change = () => ["a.txt", "README.md"].forEach((path) => void chmodSync(folder.at(path), mode));
        assert.ok(await changed(change), mode.toString(8));
      }
      const back = () => chmodSync(folder.at("a.txt"), 0o644);
      assert.ok(await changed(back));
    });
    it("permissions in a named context, beside the Dockerfile's", async () => {
      dockerfile("FROM scratch", "COPY --from=lib . /");
      folder.write({ "src/lib/c.txt": "c" });
      const more = { additionalContexts: { lib: folder.at("src/lib") } };
      const change = () =>
        ["b.txt", "c.txt"].forEach((name) => void chmodSync(folder.at(`src/lib/${name}`), 0o600));
      assert.ok(await changed(change, more));
    });
    it("where a link points, and that it is one", async () => {
      symlinkSync("a.txt", folder.at("link"));
      const before = await content();
      rmSync(folder.at("link"));
      symlinkSync("README.md", folder.at("link"));
      const other = await content();
      assert.notEqual(other, before);
      rmSync(folder.at("link"));
      folder.write({ link: "README.md" });
      assert.notEqual(await content(), other);
    });
    it("an empty folder that is copied", async () => {
      assert.ok(await changed(() => mkdirSync(folder.at("empty"))));
    });
    it("a build argument that a stage declares, but no other", async () => {
      dockerfile("FROM scratch", "ARG USED", "COPY . /");
      assert.notEqual(await content({ args: { USED: "1" } }), await content({ args: { USED: "2" } }));
      assert.equal(await content({ args: { OTHER: "1" } }), await content({ args: { OTHER: "2" } }));
      assert.equal(await content({ args: { USED: null } }), await content());
    });
    it("a build argument that names the base image", async () => {
      dockerfile("ARG TAG=1", "ARG UNUSED", "FROM debian:$TAG");
      assert.notEqual(await content({ args: { TAG: "2" } }), await content({ args: { TAG: "3" } }));
      assert.equal(await content({ args: { UNUSED: "2" } }), await content());
    });
    it("what is said of the builder's own arguments before the first FROM", async () => {
      for (const name of ["SOURCE_DATE_EPOCH", "BUILDKIT_SANDBOX_HOSTNAME"]) {
        dockerfile(`ARG ${name}=0`, "FROM scratch");
        assert.ok(await changed(() => dockerfile(`ARG ${name}=1700000000`, "FROM scratch")), name);
      }
    });
    it("a build argument that takes the place of one of the builder's own, without a declaration", async () => {
      dockerfile("FROM --platform=$BUILDPLATFORM debian AS build", "FROM scratch", "COPY --from=build /a /");
      const args = (BUILDPLATFORM: string) => content({ args: { BUILDPLATFORM } });
      assert.notEqual(await args("linux/amd64"), await args("linux/arm64"));
      assert.notEqual(await args("linux/amd64"), await content());
    });
    for (const [what, more] of Object.entries<Partial<BuildSpec>>({
      "a label": { labels: { a: "1" } },
      "the platform": { platforms: ["linux/arm64"] },
      "the id of a secret": { secrets: ["token"] },
      "the id of an ssh key": { ssh: ["default"] },
      "BuildKit's own arguments": { args: { BUILDKIT_INLINE_CACHE: "1" } },
      attestations: { sbom: true },
    })) {
      it(what, async () => assert.notEqual(await content(more), await content()));
    }
    it("`fresh`", async () => {
      assert.notEqual((await identify(folder.spec(), { fresh: "1" })).content, await content());
    });
    it("another target, when it leads elsewhere", async () => {
      dockerfile("FROM scratch AS one", "COPY a.txt /", "FROM scratch AS two", "COPY README.md /");
      assert.notEqual(await content({ target: "one" }), await content());
      assert.equal(await content({ target: "two" }), await content());
    });
    it("the target's name, where the builder tells it to a stage that is needed", async () => {
      const differ = async (...lines: string[]) => {
        dockerfile("FROM debian AS base", ...lines, "FROM base AS dev", "FROM base AS prod");
        assert.equal(await content({ target: "prod" }), await content());
        return (await content({ target: "dev" })) !== (await content({ target: "prod" }));
      };
      assert.ok(await differ("ARG TARGETSTAGE", "RUN echo $TARGETSTAGE > /stage"));
      assert.ok(!(await differ("RUN true")));
      assert.ok(!(await differ("RUN true", "FROM debian AS unused", "ARG TARGETSTAGE")));
      dockerfile("ARG STAGE=$TARGETSTAGE", "FROM debian AS one", "ARG STAGE", "FROM debian", "ARG STAGE");
      assert.notEqual(await content({ target: "one" }), await content());
    });
    it("a base image's digest, once it is known, and only one in use", async () => {
      dockerfile("FROM debian:12", "COPY a.txt /");
      const digest = async (digests: Record<string, string>) =>
        (await identify(folder.spec(), { baseDigests: digests })).content;
      assert.notEqual(await digest({ "debian:12": "sha256:1" }), await digest({ "debian:12": "sha256:2" }));
      assert.equal(await digest({ other: "sha256:1" }), await content());
    });
    it("a base image's digest where only what is read of the context is not certain", async () => {
      dockerfile("FROM debian:12", "ARG TARGETARCH", "COPY src/$TARGETARCH /");
      const digest = async (digests: Record<string, string>) =>
        (await identify(folder.spec(), { baseDigests: digests })).content;
      assert.deepEqual((await baseImages(folder.spec())).images, ["debian:12"]);
      assert.notEqual(await digest({ "debian:12": "sha256:1" }), await digest({ "debian:12": "sha256:2" }));
      assert.equal(await digest({ other: "sha256:1" }), await content());
    });
    it("the digest of an image that a base's ONBUILD instructions copy from", async () => {
      dockerfile("FROM debian:12");
      const baseOnBuild = { "debian:12": ["COPY --from=tools:1 /x /x"] };
      const { images } = await baseImages(folder.spec(), { baseOnBuild });
      assert.deepEqual(images, ["debian:12", "tools:1"]);
    });
    it("the content of another service's image, whatever that service and its context are called", async () => {
      folder.write({ Dockerfile: "FROM base\nCOPY --from=tools /tool /\n" });
      const additionalContexts = { base: "service:base", tools: "service:tools", spare: "service:spare" };
      const of = (spec: Partial<BuildSpec>, builtContents: Record<string, string>) =>
        identify(folder.spec(spec), { builtContents });
      const { content, inputs } = await of({ additionalContexts }, { base: "1", tools: "2" });
      assert.deepEqual(inputs.contexts, { base: "content 1", tools: "content 2" });
      assert.notEqual((await of({ additionalContexts }, { base: "1", tools: "3" })).content, content);
      const renamed = { base: "service:a", tools: "service:b" };
      assert.equal((await of({ additionalContexts: renamed }, { a: "1", b: "2" })).content, content);
      assert.deepEqual((await baseImages(folder.spec({ additionalContexts }))).contexts, ["base", "tools"]);
      assert.deepEqual(await parentImages(folder.spec({ additionalContexts })), []);
    });
    it("what the ONBUILD instructions of another service's image read", async () => {
      folder.write({ Dockerfile: "FROM base\n", page: "1", other: "1" });
      const spec = folder.spec({ additionalContexts: { base: "service:base" } });
      const baseOnBuild = { "service:base": ["COPY page /"] };
      const { files } = await identify(spec, { builtContents: { base: "1" }, baseOnBuild });
      assert.deepEqual(
        files.map(({ path }) => path),
        ["page"],
      );
    });
    it("a base image's ONBUILD instructions, what they read, and nothing where it has none", async () => {
      dockerfile("FROM debian:12", "COPY a.txt /");
      const given = async (...instructions: string[]) =>
        (await identify(folder.spec(), { baseOnBuild: { "debian:12": instructions } })).content;
      const before = await given("COPY README.md /");
      assert.equal(await given(), await content());
      assert.notEqual(before, await given());
      folder.write({ "README.md": "other" });
      assert.notEqual(await given("COPY README.md /"), before);
      assert.equal(await given(), await content());
    });
    it("the network of commands, where there are commands", async () => {
      assert.equal(await content({ network: "host" }), await content());
      dockerfile("FROM debian", "RUN true");
      assert.notEqual(await content({ network: "host" }), await content());
    });
    it("bytes of the Dockerfile that are not UTF-8", async () => {
      const write = (byte: number) =>
        writeFileSync(folder.at("Dockerfile"), Buffer.from([...Buffer.from("FROM scratch\nLABEL a="), byte]));
      write(0xfe);
      assert.ok(await changed(() => write(0xff)));
    });
    it("the permissions of a Dockerfile that is called dockerfile as the umask's", async () => {
      const lower = async (mode: number) => {
        for (const path of ["dockerfile", "a.txt"]) chmodSync(folder.at(path), mode);
        return content();
      };
      execFileSync("mv", [folder.at("Dockerfile"), folder.at("dockerfile")]);
      folder.write({ dockerfile: "FROM scratch\nCOPY a.txt /\n" });
      assert.equal(await lower(0o600), await lower(0o644));
    });
    it("an inline Dockerfile like one in a file", async () => {
      dockerfile("FROM scratch", "COPY src /");
      const inline = await identify(folder.spec({ dockerfileInline: "FROM scratch\nCOPY src /\n" }));
      assert.equal(inline.content, await content());
    });
  });

  describe("does not count", () => {
    it("times", async () => {
      assert.ok(!(await changed(() => utimesSync(folder.at("a.txt"), 1, 1))));
    });
    it("comments, how lines are broken, the names of stages, and unused stages", async () => {
      folder.write({ "../ignored": "" });
      const one = ["FROM scratch AS base", "COPY a.txt README.md /x/", "FROM base", "COPY --from=base /x /y"];
      const two = [
        "# syntax is not this",
        "FROM scratch AS root",
        "copy a.txt \\",
        "  # why",
        "  README.md   /x/",
        "FROM scratch AS unused",
        "COPY src /",
        "FROM root",
        "COPY --from=root /x /y",
      ];
      dockerfile(...one);
      const before = await content();
      dockerfile(...two);
      assert.equal(await content(), before);
    });
    it("a build argument that names the base image of a stage that is not needed", async () => {
      dockerfile("ARG PY=3", "ARG NODE=20", "FROM python:$PY AS api", "FROM node:$NODE AS web");
      const args = (NODE: string) => content({ target: "api", args: { NODE } });
      assert.equal(await args("20"), await args("22"));
      const before = await content({ target: "api" });
      dockerfile("ARG PY=3", "ARG NODE=22", "FROM python:$PY AS api", "FROM node:$NODE AS web");
      assert.equal(await content({ target: "api" }), before);
    });
    it("how ARG, ENV, LABEL and EXPOSE are laid out, but not what is in quotes or after ENV without =", async () => {
      const laid = async (...lines: string[]) => {
        dockerfile("FROM scratch", ...lines);
        return content();
      };
      const one = await laid('ENV A=1 B="x  y"', "LABEL a=1 b=2", "EXPOSE 80 443", "ARG P=1 Q");
      const two = [
        "ENV A=1 \\",
        '   B="x  y"',
        "LABEL   a=1 \\",
        "\tb=2",
        "EXPOSE 80 \t443",
        "ARG P=1 \\",
        "  Q",
      ];
      assert.equal(await laid(...two), one);
      for (const [a, b] of [
        ['ENV A="x  y"', 'ENV A="x y"'],
        ["ENV A=x\\  y=1", "ENV A=x\\ y=1"],
        ["ENV A x  y=1", "ENV A x y=1"],
        ["LABEL a='x  y'", "LABEL a='x y'"],
        ["ENV A=1\ufeffB=2", "ENV A=1 B=2"],
        ["RUN a  b", "RUN a b"],
      ]) {
        assert.notEqual(await laid(a!), await laid(b!), a);
      }
    });
    it("what an ignore file says, beyond what it leaves", async () => {
      folder.write({ ".dockerignore": ".dockerignore\nREADME.md" });
      assert.ok(!(await changed(() => folder.write({ ".dockerignore": "# docs\n.docker*\n/README.md\n" }))));
    });
    it("what no instruction reads", async () => {
      dockerfile("FROM scratch", "COPY src a.txt /");
      assert.deepEqual(await paths(), ["a.txt", "src", "src/lib", "src/lib/b.txt", "src/page.ts"]);
      assert.ok(!(await changed(() => folder.write({ "README.md": "more", "new/file": "x" }))));
      assert.ok(!(await changed(() => mkdirSync(folder.at("empty")))));
    });
    it("what a container of a stage that is only copied from would do", async () => {
      dockerfile("FROM scratch AS build", "COPY a.txt /", "FROM scratch", "COPY --from=build /a.txt /");
      const before = await content();
      dockerfile(
        "FROM scratch AS build",
        "LABEL a=1",
        "COPY a.txt /",
        'CMD ["x"]',
        "FROM scratch",
        "COPY --from=build /a.txt /",
      );
      assert.equal(await content(), before);
    });
  });

  describe("gives the same value", () => {
    const elsewhere = async (copy: (to: string) => void): Promise<string> => {
      const to = mkdtempSync(join(tmpdir(), "elsewhere-"));
      try {
        copy(join(to, "deeper"));
        return (await identify({ ...folder.spec(), context: join(to, "deeper") })).content;
      } finally {
        rmSync(to, { recursive: true });
      }
    };
    beforeEach(() => {
      folder.write({ "bin/run": "#!/bin/sh\n", "ünï/ß": "x", "src-x/a": "1", "src.x/a": "1" });
      chmodSync(folder.at("bin/run"), 0o755);
      symlinkSync("run", folder.at("bin/link"));
    });

    it("in another folder, with files made in another order", async () => {
      assert.equal(
        await elsewhere((to) => {
          for (const path of ["ünï", "src.x", "bin", "src", "src-x", "a.txt", "README.md", "Dockerfile"]) {
            cpSync(folder.at(path), join(to, path), { recursive: true, verbatimSymlinks: true });
          }
        }),
        await content(),
      );
    });
    for (const umask of ["002", "022", "027", "077"]) {
      it(`from a checkout made with umask ${umask}, and from a git archive`, async () => {
        const git = (...args: string[]) =>
          execFileSync("git", [
            "-C",
            folder.path,
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            ...args,
          ]);
        git("init", "-q");
        git("add", ".");
        git("commit", "-q", "-m", "x");
        folder.write({ ".dockerignore": ".git\n.dockerignore\n" });
        const here = await content();
        const sh = (script: string) => (to: string) =>
          execFileSync("sh", ["-c", `umask ${umask}; ${script}`], {
            env: { ...process.env, FROM: folder.path, TO: to },
          });
        const ignoring = `printf '.git\\n.dockerignore\\n' > "$TO/.dockerignore"`;
        assert.equal(await elsewhere(sh(`git clone -q "$FROM" "$TO"; ${ignoring}`)), here);
        assert.equal(
          await elsewhere(sh(`mkdir "$TO"; git -C "$FROM" archive HEAD | tar -x -C "$TO"; ${ignoring}`)),
          here,
        );
      });
    }
    it("as another user, in another locale", async function () {
      if (process.getuid?.() !== 0) this.skip();
      chmodSync(folder.path, 0o755);
      const here = await content();
      const module = require.resolve("../../../../core/content/index.ts");
      const script = `require(${JSON.stringify(module)}).identify(${JSON.stringify(folder.spec())}).then((i) => console.log(i.content))`;
      const there = execFileSync(process.execPath, ["--import", "tsx", "-e", script], {
        uid: 65534,
        gid: 65534,
        encoding: "utf8",
        env: { ...process.env, LC_ALL: "tr_TR.UTF-8", HOME: "/nonexistent", TMPDIR: "/tmp" },
      });
      assert.equal(there.trim(), here);
    });
  });

  describe("reads", () => {
    it("named contexts by their own ignore file, and only those in use", async () => {
      folder.write({
        "assets/logo.png": "logo",
        "assets/notes.md": "n",
        "assets/.dockerignore": "*.md\n.dockerignore\n",
      });
      const contexts = {
        assets: folder.at("assets"),
        unused: folder.at("src"),
        img: "docker-image://debian:12",
      };
      dockerfile("FROM img", "COPY --from=assets . /");
      const seen = await identify(folder.spec({ additionalContexts: contexts }));
      assert.deepEqual(
        seen.files.map(({ context, path }) => [context, path]),
        [["assets", "logo.png"]],
      );
      assert.deepEqual(seen.inputs.contexts, { assets: "a folder", img: "docker-image://debian:12" });
      assert.deepEqual(await baseImages(folder.spec({ additionalContexts: contexts })), {
        images: ["debian:12"],
        contexts: ["assets", "img"],
      });
    });
    it("the files that a link names, and the link", async () => {
      symlinkSync("src/lib", folder.at("current"));
      dockerfile("FROM scratch", "COPY current/*.txt /");
      assert.deepEqual(await paths(), ["current", "src/lib/b.txt"]);
    });
    it("what a wildcard for folders names, past files of that name", async () => {
      dockerfile("FROM scratch", "COPY */page.ts /");
      assert.deepEqual(await paths(), ["src/page.ts"]);
    });
    it("through links that lead out, or round in a circle, as the builder does", async () => {
      symlinkSync("../../../../a.txt", folder.at("out"));
      symlinkSync("two", folder.at("one"));
      symlinkSync("one", folder.at("two"));
      dockerfile("FROM scratch", "COPY out one /");
      assert.deepEqual(await paths(), ["a.txt", "one", "out", "two"]);
    });
    it("an ignore file through a link in the context, but not through one that leads out", async () => {
      const rules = "README.md\n.dockerignore\nrules\n";
      folder.write({ rules });
      symlinkSync("rules", folder.at(".dockerignore"));
      assert.ok(!(await paths()).includes("README.md"));
      rmSync(folder.at(".dockerignore"));
      symlinkSync(folder.at("rules"), folder.at(".dockerignore"));
      assert.ok((await paths()).includes("README.md"));
    });
    it("with --exclude and --parents as newer builders do", async () => {
      dockerfile(
        "FROM scratch",
        "COPY --exclude=lib --exclude=*.ts src /",
        "COPY --parents ./src/./l*/b.txt /",
      );
      folder.write({ "src/x": "x" });
      assert.deepEqual(await paths(), ["src", "src/lib", "src/lib/b.txt", "src/x"]);
      dockerfile("FROM scratch", "COPY --exclude=lib --exclude=*.ts src /");
      assert.deepEqual(await paths(), ["src", "src/x"]);
    });
  });

  describe("reads with --parents", () => {
    const found: Record<string, [sources: string, paths: string[]]> = {
      "what the wildcards name, and the folders above it": [
        "package.json packages/*/package.json",
        [
          "package.json",
          "packages",
          ...["api", "web"].flatMap((name) => [`packages/${name}`, `packages/${name}/package.json`]),
        ],
      ],
      "everything below a folder that they name": [
        "packages/w?b",
        [
          "packages",
          "packages/web",
          "packages/web/a",
          "packages/web/a/package.json",
          "packages/web/package.json",
        ],
      ],
      "what ** names at any depth, but not through links nor where it is ignored": [
        "**/package.json",
        [
          "package.json",
          "packages",
          ...["api", "web"].flatMap((name) => [`packages/${name}`, `packages/${name}/package.json`]),
          "packages/web/a",
          "packages/web/a/package.json",
        ].sort(),
      ],
      "what ** names between other parts": [
        "packages/**/a/*.json",
        ["packages", "packages/web", "packages/web/a", "packages/web/a/package.json"],
      ],
      "everything below for ** at the end": [
        "packages/api/**",
        [
          "packages",
          "packages/api",
          "packages/api/package.json",
          "packages/api/src",
          "packages/api/src/x.ts",
        ],
      ],
      "everything below where a wildcard means something else than in other sources": [
        "packages/api/[p]*.json",
        [
          "packages",
          "packages/api",
          "packages/api/package.json",
          "packages/api/src",
          "packages/api/src/x.ts",
        ],
      ],
      "everything below where ** is but a piece of a name": [
        "packages/api/s**ts",
        [
          "packages",
          "packages/api",
          "packages/api/package.json",
          "packages/api/src",
          "packages/api/src/x.ts",
        ],
      ],
    };
    for (const [what, [sources, expected]] of Object.entries(found)) {
      it(what, async () => {
        dockerfile("FROM scratch", `COPY --parents ${sources} /`);
        folder.write({
          ".dockerignore": "**/node_modules\n",
          "package.json": "{}",
          "node_modules/x/package.json": "{}",
          "packages/README.md": "r",
          "packages/api/package.json": "{}",
          "packages/api/src/x.ts": "x",
          "packages/web/a/package.json": "{}",
          "packages/web/package.json": "{}",
          "packages/none/x.ts": "x",
        });
        symlinkSync("packages", folder.at("linked"));
        assert.deepEqual(await paths(), expected);
      });
    }
  });

  const hidden: Record<string, [path: string, ...lines: string[]]> = {
    "variables, which the builder does not replace there": [
      "dist/app.js",
      "ENV OUT=dist",
      "COPY --exclude=${OUT} . /app/",
    ],
    "--parents, where it is matched from the context's top": [
      "packages/dist/app.js",
      "COPY --parents --exclude=dist packages /app/",
    ],
    "--parents, where it matches no folder's files": [
      "docs/guide.md",
      "COPY --parents --exclude=*.md docs src /app/",
    ],
  };
  for (const [what, [path, ...lines]] of Object.entries(hidden)) {
    it(`looks away from no file for an --exclude with ${what}`, async () => {
      dockerfile("FROM scratch", ...lines);
      folder.write({ [path]: "1" });
      assert.ok(await changed(() => folder.write({ [path]: "2" })));
    });
  }
  for (const flag of ["--parents", "--parents=", "--parents=true", "--parents=True", "--parents=TRUE"]) {
    it(`takes ${flag} for what the builder takes it for`, async () => {
      dockerfile("FROM scratch", `COPY ${flag} src/**/x.txt /`);
      folder.write({ "src/a/b/x.txt": "1" });
      assert.ok(await changed(() => folder.write({ "src/a/b/x.txt": "2" })));
      dockerfile("FROM scratch", "COPY --parents=False src/*.ts /");
      assert.deepEqual(await paths(), ["src/page.ts"]);
    });
  }

  describe("refuses, with what to do,", () => {
    const refusal = async (more: Partial<BuildSpec>) => {
      const error = await identify(folder.spec(more)).then(
        () => assert.fail("it was taken"),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof ContentError, String(error));
      assert.match(error.message, /^.+: .+; .+$/);
      return error.message;
    };
    it("a context that is no folder", async () => {
      assert.match(await refusal({ context: folder.at("a.txt") }), /is not a folder/);
      assert.match(await refusal({ context: folder.at("nowhere") }), /is not a folder/);
      assert.match(await refusal({ context: "src" }), /not an absolute path/);
    });
    it("a Dockerfile that is not there", async () => {
      assert.match(await refusal({ dockerfile: "other/Dockerfile" }), /no such Dockerfile/);
    });
    it("an ignore file that the builder refuses", async () => {
      folder.write({ ".dockerignore": "a\n!\n" });
      assert.match(await refusal({}), /\.dockerignore, line 2/);
    });
  });

  it("keeps its scheme: a new value here is a rebuild of everything, everywhere", async () => {
    dockerfile(
      "FROM debian:12 AS base",
      "ARG A=1",
      "COPY src a.txt /",
      "RUN <<EOF",
      "make",
      "EOF",
      'CMD ["run"]',
    );
    chmodSync(folder.at("a.txt"), 0o755);
    symlinkSync("page.ts", folder.at("src/link"));
    const identity = await identify(
      folder.spec({
        args: { A: "2" },
        labels: { l: "v" },
        platforms: ["linux/amd64"],
        secrets: ["s"],
        ssh: ["default"],
      }),
      { fresh: "f", baseDigests: { "debian:12": `sha256:${"0".repeat(64)}` } },
    );
    assert.equal(identity.content, "d81a34ce9dd001b27c11a4a6810dbbae428d68cbfbff79a1b926f4542ddfbf9b");
  });
});

describe("ownOnBuild", () => {
  const folder = new Folder();
  const of = (dockerfile: string, more: Partial<BuildSpec> = {}) => {
    folder.write({ Dockerfile: dockerfile });
    return ownOnBuild(folder.spec(more), { baseOnBuild: { parent: ["COPY parent /"] } });
  };

  it("has those of the target's own lines: those of what it begins with have run", async () => {
    const dockerfile = "FROM parent AS a\nONBUILD COPY a /\nFROM a\nONBUILD RUN b\nONBUILD COPY c /\n";
    assert.deepEqual(await of(dockerfile), ["RUN b", "COPY c /"]);
    assert.deepEqual(await of(dockerfile, { target: "a" }), ["COPY a /"]);
    assert.deepEqual(await of("FROM parent\n"), []);
  });

  it("knows none of a Dockerfile that is not certain to be understood", async () => {
    assert.equal(await of("# syntax=other/frontend\nFROM a\nONBUILD COPY a /\n"), undefined);
    assert.equal(await of("FROM a\nONBUILD RUN <<EOF\nb\nEOF\n"), undefined);
  });
});
