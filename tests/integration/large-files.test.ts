import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { sendLargeFiles } from "../../adapters/large-files";
import { readFiles } from "../../adapters/mounted-files";
import { fingerprint } from "../../core/files";
import type { ReleaseFile } from "../../core/host/types";
import { Problems } from "../../core/problems";
import { exec } from "../../lab/faults";
import type { Lab, LabHost } from "../../lab/lab";
import { ownLab } from "../faults/support/own-lab";
import { deploy, type Images, look, pushImages, requestFor, shop } from "../faults/support/shop";
import { completedRequest, type WrittenRelease, type WrittenRequest } from "../support/written-release";

const MIB = 2 ** 20;

describe("mounted files that are too large for the request", function () {
  this.timeout(600_000);
  let lab: Lab;
  let host: LabHost;
  let images: Images;
  let folder: string;

  ownLab("large", async (ready) => {
    lab = ready;
    host = lab.hosts[0]!;
    images = await pushImages(lab, ["one", "api"]);
  });
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-large-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const big = () => path.join(folder, "big");
  /** A release with the large file as it is on disk now. */
  async function release(id: string): Promise<WrittenRequest & { release: WrittenRelease }> {
    const source = big();
    const reference = {
      key: source,
      source,
      where: "services.web.volumes (/www/big)",
      services: ["web"],
      name: "big",
    };
    const [tree] = await readFiles([reference]);
    const file: ReleaseFile = {
      fingerprint: fingerprint(tree!.entries, "k"),
      path: "big",
      entries: tree!.entries,
    };
    const made = shop(images, id, { page: "one" });
    const mount = `{type: bind, source: ./store/${file.fingerprint}/big, target: /www/big, read_only: true}`;
    made.compose = made.compose.replace("volumes: [", `volumes: [${mount}, `);
    made.files.push(file);
    made.services[0]!.files.push(file.fingerprint);
    return { ...requestFor(lab, made), release: made };
  }
  const asked = () => ({ host, where: "everfresh:hosts[0]" });
  /** Sends what the host lacks, and returns how many bytes that was. */
  async function send(request: WrittenRequest): Promise<number> {
    let sent = 0;
    await sendLargeFiles(asked(), completedRequest(request), (bytes) => {
      sent += bytes;
    });
    return sent;
  }
  const inContainer = async (container: string) =>
    (await exec(host, ["sh", "-c", `docker exec ${container} cat /www/big | sha256sum`])).split(" ")[0];
  const sha256 = ({ release }: { release: WrittenRelease }) => {
    const [entry] = release.files.at(-1)!.entries;
    return entry?.type === "file" && "sha256" in entry.bytes
      ? entry.bytes.sha256
      : assert.fail("it is not large");
  };

  it("are reported as missing before anything is touched if they were not sent", async () => {
    await writeFile(big(), randomBytes(9 * MIB));
    const { status, stderr } = await deploy(host, await release("r1"));
    assert.equal(status, 1);
    assert.match(stderr, /mounted files are missing or differ from what was sent; run `pulumi up` again/);
    assert.deepEqual((await look(host)).containers, []);
  });

  it("are sent once, and reach the container unchanged", async () => {
    // Including a file that only its owner can read.
    await chmod(big(), 0o600);
    const request = await release("r1");
    assert.equal(await send(request), 9 * MIB);
    assert.equal(await send(request), 0);
    const { status, stderr, result } = await deploy(host, request);
    assert.equal(status, 0, stderr);
    assert.equal(await inContainer(result!.services.web!.container), sha256(request));
    assert.deepEqual((await look(host)).drift, []);
  });

  it("are sent again if they were changed on the host, where the changed file is kept", async () => {
    const request = await release("r1");
    const stored = `/home/deploy/.everfresh/shop/store/${request.release.files.at(-1)!.fingerprint}/big`;
    await exec(host, ["sh", "-c", `echo more >>${stored}`]);
    assert.deepEqual((await look(host)).drift, ["big was changed on the host"]);
    assert.equal(await send(request), 9 * MIB);
    const { status, stderr, result } = await deploy(host, { ...request, token: "second" });
    assert.equal(status, 0, stderr);
    assert.equal(await inContainer(result!.services.web!.container), sha256(request));
    assert.match(
      await exec(host, ["sh", "-c", "cat /home/deploy/.everfresh/shop/changed/*/big | tail -n 1"]),
      /more$/,
    );
  });

  it("are rejected if they changed after they were read", async () => {
    const request = await release("r2");
    await writeFile(big(), randomBytes(9 * MIB));
    const other = await release("r2");
    // New bytes under the old hash.
    const mixed = structuredClone(other);
    mixed.release.files.at(-1)!.entries = request.release.files.at(-1)!.entries;
    await send(mixed);
    const { status, stderr } = await deploy(host, mixed);
    assert.equal(status, 1);
    assert.match(stderr, /mounted files are missing or differ from what was sent; run `pulumi up` again/);
    assert.match(stderr, /release r1 serves, untouched/);
  });

  it("are reported if they shrink while being sent, and leave neither a file nor a lock", async () => {
    await writeFile(big(), randomBytes(5 * MIB));
    const request = await release("r3");
    await writeFile(big(), randomBytes(2 * MIB));
    await assert.rejects(
      send(request),
      new Problems([`${big()}: became shorter while it was read; run it again`]),
    );
    await writeFile(big(), randomBytes(5 * MIB));
    const again = await release("r3");
    assert.equal(await send(again), 5 * MIB);
    const { status, stderr } = await deploy(host, again);
    assert.equal(status, 0, stderr);
  });

  it("are refused in the host's words if there is no room for them", async () => {
    const request = await release("r4");
    const free =
      Number(await exec(host, ["sh", "-c", "df -Pk /home/deploy | awk 'NR == 2 { print $4 }'"])) * 1024;
    const size = 7 * 2 ** 30;
    await truncate(big(), size);
    const bytes = { file: big(), size, sha256: "0".repeat(64) };
    request.release.files.at(-1)!.entries = Array.from({ length: Math.ceil(free / size) }, (_, i) => ({
      ...{ type: "file", path: `big${i}`, executable: false, bytes },
    })) as ReleaseFile["entries"];
    await assert.rejects(
      send(request),
      /: disk: \d+ MB free under .*, \d+ MB needed for mounted files; free some space/,
    );
  });
});
