import assert from "node:assert/strict";
import { type BuildOptions, buildx } from "../../../../lab/pulumi/docker/build";

const build = (options: Partial<BuildOptions> = {}) =>
  buildx(
    { context: "app", dockerfile: "Dockerfile", ...options },
    { context: "/srv/app", dockerfile: "/srv/app/Dockerfile", name: "registry:5000/web:1" },
  );

describe("a stand-in's build", () => {
  it("is one command, without options that were not asked for", () => {
    assert.equal(
      build().argv.join(" "),
      "buildx build --progress=plain --load --file /srv/app/Dockerfile --tag registry:5000/web:1 /srv/app",
    );
  });

  it("passes on every option that everfresh uses", () => {
    const { argv } = build({
      additionalContexts: ["base=docker-image://debian"],
      secrets: [
        { id: "a", src: "file" },
        { id: "b", env: "B" },
      ],
      extraHosts: ["peer:10.1.2.3"],
      cacheFroms: ["type=local,src=x"],
      cacheTos: ["type=inline"],
      target: "one",
      platform: "linux/arm64",
      networkMode: "host",
      shmSize: 67108864,
      provenance: "false",
      sbom: "true",
      noCache: true,
      pullParent: true,
    });
    assert.equal(
      argv.slice(8, -1).join(" "),
      "--build-context base=docker-image://debian --secret id=a,src=file --secret id=b,env=B " +
        "--add-host peer:10.1.2.3 --cache-from type=local,src=x --cache-to type=inline --target one " +
        "--platform linux/arm64 --network host --shm-size 67108864 --provenance false --sbom true --no-cache --pull",
    );
  });

  it("keeps the values of build arguments out of the process list", () => {
    const { argv, env } = build({ buildArgs: { TOKEN: "quo'te $HOME" } });
    assert.ok(argv.join(" ").includes("--build-arg TOKEN ") && !argv.join(" ").includes("quo'te"));
    assert.deepEqual(env, { TOKEN: "quo'te $HOME" });
  });

  it("passes arguments that docker itself would read on the command line, not in the environment", () => {
    const buildArgs = { DOCKER_HOST: "a", PATH: "b", http_proxy: "c", BUILDKIT_INLINE_CACHE: "1" };
    const { argv, env } = build({ buildArgs });
    assert.deepEqual(env, {});
    for (const [name, value] of Object.entries(buildArgs)) assert.ok(argv.includes(`${name}=${value}`), name);
  });
});
