import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { DockerError, docker } from "../../../lab/docker";

/** Runs with a `docker` that is the given shell script. */
async function withDocker<T>(script: string | undefined, run: () => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-docker-"));
  const before = process.env.PATH;
  try {
    if (script !== undefined) {
      await writeFile(path.join(folder, "docker"), `#!/bin/sh\n${script}\n`);
      await chmod(path.join(folder, "docker"), 0o755);
    }
    process.env.PATH = script === undefined ? folder : `${folder}:${before}`;
    return await run();
  } finally {
    process.env.PATH = before;
    await rm(folder, { recursive: true, force: true });
  }
}

describe("docker", () => {
  it("returns what the command prints, without the last line end", async () => {
    assert.equal(await withDocker('printf "%s|" "$@"; echo; echo', () => docker(["a b", "c"])), "a b|c|\n");
  });

  it("writes its input to the command, even if the command does not read it", async () => {
    assert.equal(await withDocker("cat", () => docker(["x"], "hello")), "hello");
    assert.equal(await withDocker("exit 0", () => docker(["x"], "y".repeat(1 << 20))), "");
  });

  for (const [version, hint] of Object.entries({
    "before 28": "See 'docker run --help'.",
    "from 28 on": "\nRun 'docker run --help' for more information",
  }))
    it(`fails with one line of docker ${version}, the exit status and all the output`, async () => {
      const failing = withDocker(`echo out; echo 'Error: no' >&2; echo "${hint}" >&2; exit 125`, () =>
        docker(["run", "x"]),
      );
      await assert.rejects(failing, (error: DockerError) => {
        assert.ok(error instanceof DockerError);
        assert.equal(error.message, "docker run: Error: no");
        assert.equal(error.status, 125);
        assert.equal(error.stdout, "out\n");
        assert.match(error.stderr, /Error: no/);
        return true;
      });
    });

  it("says what to do if docker is not installed", async () => {
    const message = "docker: not found on this machine; run `npm run setup`";
    await assert.rejects(
      withDocker(undefined, () => docker(["info"])),
      { message },
    );
  });
});
