import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import os from "node:os";
import path from "node:path";
import { docker } from "../../lab/docker";
import { labImage } from "../../lab/image";
import { eventually } from "../../lab/poll";
import { freePorts } from "../../lab/ports";
import { checkout } from "../support/stack";

/** Debian's `docker-registry`, run as a program: the container has its test with a deployment (image-transport.test.ts). */
describe("the registry of this machine", function () {
  this.timeout(600_000);
  let folder: string;
  let port: number;
  const holders: ChildProcess[] = [];

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-registry-"));
    const container = await docker(["create", await labImage("stable")]);
    await docker(["cp", `${container}:/usr/bin/docker-registry`, folder]);
    await docker(["rm", container]);
  });
  beforeEach(async () => {
    [port = 0] = await freePorts(1);
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) holder.kill("SIGKILL");
    await eventually("it ends", async () => !(await answers()));
  });
  after(() => rm(folder, { recursive: true }));

  const answers = () =>
    fetch(`http://127.0.0.1:${port}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    );

  /** A process that uses the registry, and what it says. */
  async function hold(searchPath = `${folder}:${process.env.PATH}`) {
    const script = path.join(checkout, "tests/support/hold-registry.ts");
    const holder = spawn(process.execPath, ["--import", "tsx", script, `${port}`, "127.0.0.1:9/none"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, PATH: searchPath, XDG_DATA_HOME: folder },
    });
    holders.push(holder);
    let said = "";
    holder.stdout!.on("data", (data) => {
      said += data;
    });
    await Promise.race([once(holder.stdout!, "data"), once(holder, "close")]);
    return { holder, said: () => said.trim() };
  }

  it("runs as long as any process uses it, however that ends, and no longer", async () => {
    const [one, other] = await Promise.all([hold(), hold()]);
    assert.deepEqual([one.said(), other.said()], ["up", "up"]);
    one.holder.kill("SIGKILL");
    await once(one.holder, "close");
    assert.ok(await answers());
    other.holder.stdin!.end();
    other.holder.kill();
    await eventually("it ends", async () => !(await answers()));
  });

  it("starts again for the next process, with what was pushed", async () => {
    const { holder } = await hold();
    const bytes = "a layer";
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const begun = await fetch(`http://127.0.0.1:${port}/v2/app/blobs/uploads/`, { method: "POST" });
    const upload = new URL(begun.headers.get("location")!, `http://127.0.0.1:${port}`);
    upload.searchParams.set("digest", digest);
    assert.equal((await fetch(upload, { method: "PUT", body: bytes })).status, 201);
    holder.kill("SIGKILL");
    await hold();
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/v2/app/blobs/${digest}`)).text(), bytes);
  });

  it("is not mistaken for another program on its port", async () => {
    const stranger = createServer((_, response) => response.end()).listen(port, "127.0.0.1");
    await once(stranger, "listening");
    const { holder, said } = await hold();
    stranger.closeAllConnections();
    stranger.close();
    assert.equal(holder.exitCode ?? (await once(holder, "close"))[0], 1);
    assert.match(
      said(),
      new RegExp(
        `^everfresh:registry.address: port ${port} of this machine is taken by another program; set another`,
      ),
    );
  });

  it("needs either the program or an image, and says so", async () => {
    const { said } = await hold(process.env.PATH);
    assert.match(
      said(),
      /^everfresh:transport: the registry of this machine does not start from the image 127\.0\.0\.1:9\/none \(.*\); install the package docker-registry/,
    );
  });
});
