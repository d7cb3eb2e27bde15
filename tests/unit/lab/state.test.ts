import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { folderOf, forget, idOf, load, names, save, withUrl } from "../../../lab/state";
import type { Lab } from "../../../lab/types";

const name = `unit-state-${process.pid}`;
const host = withUrl({
  name: "host1",
  address: "127.0.0.1",
  port: 2222,
  user: "deploy",
  hostKey: "ssh-ed25519 AAAAC3Nz",
  privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\n",
  container: "c",
  ports: { 80: 40080, 8080: 48080 },
});
const lab: Lab = {
  name,
  image: "everfresh-lab:1",
  engine: "stable",
  store: "classic",
  registry: {
    address: "127.0.0.1:5",
    pullAddress: "registry:5000",
    username: "lab",
    password: "p",
    container: "r",
  },
  hosts: [host],
};

describe("a lab's folder", () => {
  after(() => forget(name));

  it("keeps the lab, readable by its owner only", async () => {
    await save(lab);
    const loaded = await load(name);
    assert.deepEqual(JSON.parse(JSON.stringify(loaded)), JSON.parse(JSON.stringify(lab)));
    assert.equal(loaded?.hosts[0]?.url(8080), "http://127.0.0.1:48080");
    assert.equal((await stat(folderOf(name))).mode & 0o777, 0o700);
    for (const file of ["lab.json", "host1.key", "ssh_config"])
      assert.equal((await stat(path.join(folderOf(name), file))).mode & 0o077, 0, file);
  });

  it("lists the host key in the form that ssh expects for a port other than 22", async () => {
    await save(lab);
    const known = await readFile(path.join(folderOf(name), "host1.known_hosts"), "utf8");
    assert.equal(known, "[127.0.0.1]:2222 ssh-ed25519 AAAAC3Nz\n");
  });

  it("is listed until it is forgotten", async () => {
    await save(lab);
    assert.ok((await names()).includes(name));
    await forget(name);
    assert.ok(!(await names()).includes(name));
    assert.equal(await load(name), undefined);
  });
});

describe("a lab's name", () => {
  for (const bad of ["", "../x", "A", "a b", "-a", "a".repeat(32), "a/b"])
    it(`cannot be ${JSON.stringify(bad)}`, () => assert.throws(() => folderOf(bad), RangeError));

  it("becomes an id that starts with it and differs from that of another lab", () => {
    assert.match(idOf("a"), /^a-[0-9a-f]{6}$/);
    assert.notEqual(idOf("a").slice(2), idOf("b").slice(2));
  });
});

describe("a host's url", () => {
  it("refuses a port that is not published to this machine, and lists those that are", () => {
    assert.throws(() => host.url(9000), {
      name: "RangeError",
      message: "lab host1: port 9000 cannot be reached from here; use one of 80, 8080",
    });
  });
});
