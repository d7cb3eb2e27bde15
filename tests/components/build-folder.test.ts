import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { makeBuildFolder } from "../../components/build-folder";
import type { BuildSpec } from "../../core/content";
import { Problems } from "../../core/problems";
import { content } from "./fixtures";

describe("makeBuildFolder", () => {
  const home = process.cwd();
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), "build-folder-")));
    for (const name of ["program", "app/web", "app/shared"])
      mkdirSync(path.join(folder, name), { recursive: true });
    for (const name of ["app/web/Dockerfile", "app/token"]) writeFileSync(path.join(folder, name), name);
    process.chdir(path.join(folder, "program"));
  });
  afterEach(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true });
  });

  const make = (more: Partial<BuildSpec> = {}, secrets: Parameters<typeof makeBuildFolder>[4] = []) =>
    makeFor("prod", "web", more, secrets);
  const makeFor = (
    stack: string,
    service: string,
    more: Partial<BuildSpec> = {},
    secrets: Parameters<typeof makeBuildFolder>[4] = [],
    options: Parameters<typeof makeBuildFolder>[5] = {},
  ) =>
    makeBuildFolder(
      stack,
      service,
      {
        ...{ context: path.join(folder, "app/web"), args: {}, platforms: [], labels: {} },
        ...{ additionalContexts: {}, secrets: [], ssh: [], ...more },
      },
      content,
      secrets,
      options,
    );

  it("names a build's paths by links in the program's folder, which contain no path of the machine", () => {
    const additionalContexts = { shared: path.join(folder, "app/shared"), base: "docker-image://debian:12" };
    const build = make({ additionalContexts }, [{ id: "token", file: path.join(folder, "app/token") }]);
    assert.equal(realpathSync(build.context), path.join(folder, "app/web"));
    assert.equal(build.dockerfile, "Dockerfile");
    assert.deepEqual(build.additionalContexts, [
      "shared=.everfresh/build/prod/web/context-shared",
      "base=docker-image://debian:12",
    ]);
    assert.equal(realpathSync(".everfresh/build/prod/web/context-shared"), path.join(folder, "app/shared"));
    const { src } = build.secret("token");
    assert.equal(readFileSync(src!, "utf8"), "app/token");
    assert.ok(!JSON.stringify([build, build.secret("token")]).includes(folder));
  });

  it("gives each content and each service its own context name, because BuildKit recognizes files by name and time", () => {
    assert.equal(path.basename(make().context), "context-of-web-c0c0c0c0c0c0c0c0");
  });

  it("names the environment variable that a secret comes from", () => {
    assert.deepEqual(make({}, [{ id: "npm", environment: "NPM_TOKEN" }]).secret("npm"), {
      id: "npm",
      env: "NPM_TOKEN",
    });
  });

  it("copies a Dockerfile from outside the context with its own ignore file, and writes an inline one", () => {
    writeFileSync(path.join(folder, "app/web.Dockerfile"), "FROM scratch");
    writeFileSync(path.join(folder, "app/web.Dockerfile.dockerignore"), "*.md");
    const beside = make({ dockerfile: "../web.Dockerfile" });
    assert.equal(beside.dockerfile, "../Dockerfile");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile", "utf8"), "FROM scratch");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile.dockerignore", "utf8"), "*.md");

    writeFileSync(path.join(folder, "app/dockerfile"), "FROM small");
    assert.equal(make({ dockerfile: "../Dockerfile" }).dockerfile, "../Dockerfile");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile", "utf8"), "FROM small");

    const inline = make({ dockerfileInline: "FROM debian" });
    assert.equal(inline.dockerfile, "../Dockerfile");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile", "utf8"), "FROM debian");
    assert.ok(
      !existsSync(".everfresh/build/prod/web/Dockerfile.dockerignore"),
      "the ignore file of the build before",
    );
  });

  it("writes a secret from an env file to a private file if it builds, and to none otherwise", () => {
    const secret = { id: "team/npm", environment: "NPM_TOKEN", value: "s3cret" };
    const { src } = make({}, [secret]).secret(secret.id);
    assert.ok(!existsSync(src!));
    const before = process.listeners("exit");
    const made = makeFor("prod", "web", {}, [secret], { builds: true }).secret(secret.id);
    assert.deepEqual(made, { id: secret.id, src });
    assert.equal(readFileSync(src!, "utf8"), secret.value);
    assert.equal(statSync(src!).mode & 0o777, 0o600);
    // The file is removed at the end of the run.
    const [end] = process.listeners("exit").filter((listener) => !before.includes(listener));
    process.off("exit", end!);
    end!(0);
    assert.ok(!existsSync(src!));
  });

  it("leaves a rewritten Dockerfile to be written later, with the original's ignore file", () => {
    writeFileSync(path.join(folder, "app/web/Dockerfile.dockerignore"), "*.md\n");
    const made = makeFor("prod", "web", {}, [], { pinned: true });
    assert.equal(made.dockerfile, "../Dockerfile");
    made.write("FROM scratch\n");
    const text = (name: string) => readFileSync(path.join(".everfresh/build/prod/web", name), "utf8");
    assert.equal(text("Dockerfile"), "FROM scratch\n");
    assert.equal(text("Dockerfile.dockerignore"), "*.md\n");
  });

  it("keeps the folder of secrets private", () => {
    make({}, [{ id: "token", file: path.join(folder, "app/token") }]);
    for (const place of ["", "/build", "/build/prod", "/build/prod/web", "/build/prod/web/secrets"])
      assert.equal(statSync(`.everfresh${place}`).mode & 0o777, 0o700, place);
  });

  /** Everything in the test's folder, with links as links, without everfresh's own files. */
  const outside = () =>
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.startsWith(path.join("program", ".everfresh")))
      .sort();

  it("writes nothing outside its folder, whatever names the compose file has", () => {
    const names = [
      "../../../victim/.git/hooks/post-checkout",
      "..",
      ".",
      "/victim",
      "a/b",
      "a\nb",
      "x".repeat(300),
      "..\\..\\x",
    ];
    mkdirSync(path.join(folder, "program/victim/.git/hooks"), { recursive: true });
    const before = outside();
    const shared = path.join(folder, "app/shared");
    for (const name of names) {
      const secrets = names.map((id) => ({ id, file: path.join(folder, "app/token") }));
      const contexts = Object.fromEntries(names.map((name) => [name, shared]));
      const build = makeFor(name, name, { additionalContexts: contexts }, secrets);
      assert.equal(realpathSync(build.context), path.join(folder, "app/web"));
      for (const [i, each] of names.entries()) {
        assert.equal(realpathSync(build.additionalContexts[i]!.slice(each.length + 1)), shared);
        assert.equal(readFileSync(build.secret(each).src!, "utf8"), "app/token");
      }
    }
    assert.deepEqual(outside(), before);
    const made = readdirSync(".everfresh/build");
    assert.equal(made.length, names.length, "two stacks share a folder");
  });

  it("removes nothing of another service's folder", () => {
    const web = make();
    for (const service of [".", "..", "web/..", "../prod"]) makeFor("prod", service);
    for (const stack of [".", "..", "prod/.."]) makeFor(stack, "build");
    assert.ok(existsSync(web.context));
  });

  for (const place of [
    ".everfresh",
    ".everfresh/build",
    ".everfresh/build/prod",
    ".everfresh/build/prod/web",
  ]) {
    it(`is refused if the repository has a link at ${place}`, () => {
      mkdirSync(path.join(folder, "victim/build/prod/web"), { recursive: true });
      for (const name of ["prod/web/kept", "web"]) writeFileSync(path.join(folder, "victim/build", name), "");
      mkdirSync(path.dirname(place), { recursive: true });
      symlinkSync(path.join(folder, "victim"), place);
      const before = outside();
      const line = `${place}: is a link, and everfresh keeps its own files there; remove it`;
      assert.throws(() => make(), new Problems([line]));
      assert.deepEqual(outside(), before);
    });
  }

  it("is refused in one line if it cannot be made", () => {
    mkdirSync(".everfresh/build", { recursive: true });
    writeFileSync(".everfresh/build/prod", "");
    assert.throws(
      () => make(),
      new Problems([
        ".everfresh/build/prod: is not a folder, and everfresh keeps its own files there; remove it",
      ]),
    );
  });

  it("accepts a Dockerfile in a folder of the context whose name begins with two dots", () => {
    mkdirSync(path.join(folder, "app/web/..conf"));
    writeFileSync(path.join(folder, "app/web/..conf/Dockerfile"), "FROM scratch");
    assert.equal(make({ dockerfile: "..conf/Dockerfile" }).dockerfile, "..conf/Dockerfile");
  });

  it("passes on a context that is not a local folder unchanged", () => {
    const additionalContexts = { a: "git@example.com:a/b", b: "https://example.com/x.tar" };
    assert.deepEqual(make({ additionalContexts }).additionalContexts, [
      "a=git@example.com:a/b",
      "b=https://example.com/x.tar",
    ]);
  });
});
