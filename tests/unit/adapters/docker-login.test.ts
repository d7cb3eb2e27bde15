import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { credentialHelper, dockerLogin, readDockerLogin } from "../../../adapters/docker-login";
import { Problems } from "../../../core/problems";

const SECRET = "s3cret";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const registry = "registry.example.com:5000";
const hub = "https://index.docker.io/v1/";
const ci = { username: "ci", password: SECRET };
const auth = base64(`ci:${SECRET}`);

describe("docker's login", () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-docker-login-"));
    mkdirSync(path.join(folder, "bin"));
    env = { PATH: `${path.join(folder, "bin")}${path.delimiter}${process.env.PATH}`, DOCKER_CONFIG: folder };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const configure = (config: unknown) =>
    writeFileSync(
      path.join(folder, "config.json"),
      typeof config === "string" ? config : JSON.stringify(config),
    );
  /** A credential helper, which notes what it is asked for. */
  function helper(name: string, script: string): void {
    const file = path.join(folder, "bin", `docker-credential-${name}`);
    writeFileSync(
      file,
      `#!/bin/sh\n[ "$1" = get ] || exit 9\ncat >>"${folder}/asked"; echo >>"${folder}/asked"\n${script}\n`,
    );
    chmodSync(file, 0o755);
  }
  const says = (answer: unknown) => `cat <<'END'\n${JSON.stringify(answer)}\nEND`;
  const asked = () => {
    const file = path.join(folder, "asked");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  };

  describe("in the configuration file", () => {
    for (const [what, config, expected, of = registry] of [
      ["is a user name and a password in base64", { auths: { [registry]: { auth } } }, ci],
      [
        "may have colons in the password",
        { auths: { [registry]: { auth: base64("ci:a:b:") } } },
        { username: "ci", password: "a:b:" },
      ],
      [
        "may have an empty password",
        { auths: { [registry]: { auth: base64("ci:") } } },
        { username: "ci", password: "" },
      ],
      ["may be padded with zeros", { auths: { [registry]: { auth: base64(`ci:${SECRET}\0\0`) } } }, ci],
      ["may be written out", { auths: { [registry]: ci } }, ci],
      [
        "is found under the name with a scheme and a path",
        { auths: { [`https://${registry}/v1/`]: { auth } } },
        ci,
      ],
      ["is found under the name with http", { auths: { [`http://${registry}`]: { auth } } }, ci],
      [
        "is that of the exact name if both exist",
        { auths: { [`https://${registry}/v1/`]: { auth: base64("old:x") }, [registry]: { auth } } },
        ci,
      ],
      [
        "may be an identity token",
        { auths: { [registry]: { auth: base64("0:"), identitytoken: SECRET } } },
        { identityToken: SECRET },
      ],
      ["is under the address of its index for Docker Hub", { auths: { [hub]: { auth } } }, ci, "docker.io"],
      [
        "is not that of another host",
        { auths: { "registry.example.com": { auth }, [`x${registry}`]: { auth } } },
        undefined,
      ],
      ["is not that of another port", { auths: { "registry.example.com:5001": { auth } } }, undefined],
      ["may be an empty entry, as beside a helper", { auths: { [registry]: {} } }, undefined],
      ["may be null", { auths: { [registry]: null } }, undefined],
      ["is not an inherited property", { auths: {} }, undefined, "constructor"],
      ["may lack everything", {}, undefined],
      ["may be empty", "\n", undefined],
      [
        "counts if no helper is to be asked for the registry",
        { auths: { [registry]: { auth } }, credsStore: "none", credHelpers: { [registry]: "" } },
        ci,
      ],
    ] as [string, unknown, unknown, string?][])
      it(what, async () => {
        configure(config);
        assert.deepEqual(await readDockerLogin(of, env), expected);
        assert.deepEqual(asked(), []);
      });

    it("is absent without a file, and without a folder", async () => {
      assert.equal(await readDockerLogin(registry, env), undefined);
      assert.equal(
        await readDockerLogin(registry, { ...env, DOCKER_CONFIG: path.join(folder, "none") }),
        undefined,
      );
    });

    it("is in the home folder unless DOCKER_CONFIG names another", async () => {
      mkdirSync(path.join(folder, ".docker"));
      writeFileSync(
        path.join(folder, ".docker/config.json"),
        JSON.stringify({ auths: { [registry]: { auth } } }),
      );
      assert.deepEqual(await readDockerLogin(registry, { HOME: folder }), ci);
      assert.equal(await readDockerLogin(registry, env), undefined);
    });
  });

  describe("in a credential helper", () => {
    const answer = { ServerURL: registry, Username: "ci", Secret: SECRET };

    it("is that of the registry's own helper, whatever else there is", async () => {
      helper("mine", says(answer));
      helper("store", "exit 1");
      configure({
        credHelpers: { [registry]: "mine" },
        credsStore: "store",
        auths: { [registry]: { auth: base64("old:x") } },
      });
      assert.deepEqual(await readDockerLogin(registry, env), ci);
      assert.deepEqual(asked(), [registry]);
      assert.equal(await credentialHelper(registry, env), "mine");
    });

    it("is that of the helper for all registries", async () => {
      helper("store", says(answer));
      configure({ credsStore: "store", credHelpers: { "other.example.com": "other" } });
      assert.deepEqual(await readDockerLogin(registry, env), ci);
      assert.deepEqual(await readDockerLogin("docker.io", env), ci);
      assert.deepEqual(asked(), [registry, hub]);
    });

    it("may be an identity token", async () => {
      helper("acr", says({ ...answer, Username: "<token>" }));
      configure({ credsStore: "acr" });
      assert.deepEqual(await readDockerLogin(registry, env), { identityToken: SECRET });
    });

    it("may not exist", async () => {
      configure({ credsStore: "store", auths: { [registry]: { auth } } });
      helper("store", "echo credentials not found in native keychain; exit 1");
      assert.equal(await readDockerLogin(registry, env), undefined);
      helper("store", says({ ServerURL: registry, Username: "", Secret: "" }));
      assert.equal(await readDockerLogin(registry, env), undefined);
    });
  });

  describe("is reported, and never quoted, if", () => {
    const file = () => path.join(folder, "config.json");
    const trial = `see what \`echo ${registry} | docker-credential-h get\` does`;
    const named = `${registry}: docker-credential-h, which docker's configuration names,`;
    for (const [what, prepare, message] of [
      [
        "the file is not JSON",
        () => configure(`{"auths": {"x": {"auth": "${SECRET}"`),
        () =>
          `${file()}: is not a configuration of docker; correct it, or move it away and run \`docker login\` again`,
      ],
      [
        "the file has another form",
        () => configure({ auths: { [registry]: SECRET } }),
        () =>
          `${file()}: is not a configuration of docker; correct it, or move it away and run \`docker login\` again`,
      ],
      [
        "the file is a list",
        () => configure([SECRET]),
        () =>
          `${file()}: is not a configuration of docker; correct it, or move it away and run \`docker login\` again`,
      ],
      [
        "the file cannot be read",
        () => mkdirSync(file()),
        () => `${file()}: docker's configuration cannot be read (EISDIR); make it a file that you can read`,
      ],
      [
        "it is not base64",
        () => configure({ auths: { [registry]: { auth: `${auth}!` } } }),
        () => `${file()}: the login for ${registry} is damaged; run \`docker login ${registry}\` again`,
      ],
      [
        "it has no user name",
        () => configure({ auths: { [registry]: { auth: base64(`:${SECRET}`) } } }),
        () => `${file()}: the login for ${registry} is damaged; run \`docker login ${registry}\` again`,
      ],
      [
        "the helper is not a name",
        () => configure({ credsStore: "../h" }),
        () =>
          `${file()}: \`../h\` is not the name of a credential helper; name one without its \`docker-credential-\``,
      ],
      [
        "the helper is an option",
        () => configure({ credsStore: "-h;x" }),
        () =>
          `${file()}: \`-h;x\` is not the name of a credential helper; name one without its \`docker-credential-\``,
      ],
      [
        "the helper is not installed",
        () => configure({ credsStore: "h" }),
        () => `${named} is not installed; install it, or remove it from ${file()}`,
      ],
      [
        "the helper fails",
        () => {
          configure({ credsStore: "h" });
          helper("h", `echo ${SECRET}; echo ${SECRET} >&2; exit 3`);
        },
        () => `${named} fails (status 3); ${trial}`,
      ],
      [
        "the helper answers rubbish",
        () => {
          configure({ credsStore: "h" });
          helper("h", `echo '{"Secret": "${SECRET}"'`);
        },
        () => `${named} does not answer as a credential helper does; ${trial}`,
      ],
      [
        "the helper answers something else",
        () => {
          configure({ credsStore: "h" });
          helper("h", `echo '{"Username": 1, "Secret": ["${SECRET}"]}'`);
        },
        () => `${named} does not answer as a credential helper does; ${trial}`,
      ],
      [
        "the helper never stops talking",
        () => {
          configure({ credsStore: "h" });
          helper("h", `yes ${SECRET}`);
        },
        () => `${named} fails; ${trial}`,
      ],
      [
        "the helper hangs",
        () => {
          configure({ credsStore: "h" });
          helper("h", "sleep 60");
        },
        () => `${named} does not answer within 0.2 seconds; ${trial}`,
      ],
    ] as [string, () => void, () => string][])
      it(what, async () => {
        prepare();
        await assert.rejects(readDockerLogin(registry, env, 0.2), new Problems([message()]));
      });
  });

  it("is asked for once in a run", async () => {
    helper("store", says({ Username: "ci", Secret: SECRET }));
    configure({ credsStore: "store" });
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      const once = `${path.basename(folder).toLowerCase()}.example.com`;
      const logins = await Promise.all([dockerLogin(once), dockerLogin(once)]);
      assert.deepEqual([...logins, await dockerLogin(once)], [ci, ci, ci]);
      assert.deepEqual(asked(), [once]);
    } finally {
      process.env = before;
    }
  });
});
