import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { makeBuildFolder } from "../../components/build-folder";
import type { BuildSpec } from "../../core/content";
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
    makeBuildFolder(
      ".everfresh/build/prod",
      "web",
      {
        ...{ context: path.join(folder, "app/web"), args: {}, platforms: [], labels: {} },
        ...{ additionalContexts: {}, secrets: [], ssh: [], ...more },
      },
      content,
      secrets,
    );

  it("names what a build reads by links under the program's folder, which say nothing of the machine", () => {
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

  it("gives each content and each service a context of another name: BuildKit takes what it knows by name and times", () => {
    assert.equal(path.basename(make().context), "context-of-web-c0c0c0c0c0c0c0c0");
  });

  it("names the variable of a secret that comes from one", () => {
    assert.deepEqual(make({}, [{ id: "npm", environment: "NPM_TOKEN" }]).secret("npm"), {
      id: "npm",
      env: "NPM_TOKEN",
    });
  });

  it("brings a Dockerfile from outside of the context, or none, along with its own ignore file", () => {
    writeFileSync(path.join(folder, "app/web.Dockerfile"), "FROM scratch");
    writeFileSync(path.join(folder, "app/web.Dockerfile.dockerignore"), "*.md");
    const beside = make({ dockerfile: "../web.Dockerfile" });
    assert.equal(beside.dockerfile, "../Dockerfile");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile", "utf8"), "FROM scratch");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile.dockerignore", "utf8"), "*.md");

    const inline = make({ dockerfileInline: "FROM debian" });
    assert.equal(inline.dockerfile, "../Dockerfile");
    assert.equal(readFileSync(".everfresh/build/prod/web/Dockerfile", "utf8"), "FROM debian");
    assert.ok(
      !existsSync(".everfresh/build/prod/web/Dockerfile.dockerignore"),
      "the ignore file of the build before",
    );
  });

  it("lets nobody else look at a secret's place", () => {
    make({}, [{ id: "token", file: path.join(folder, "app/token") }]);
    assert.equal(statSync(".everfresh/build/prod/web/secrets").mode & 0o777, 0o700);
  });
});
