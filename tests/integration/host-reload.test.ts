import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { ReleaseFile } from "../../core/host/types";
import { eventually } from "../../lab/poll";
import { deploy, inService, look, requestFor } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import { deploymentProgram, type WrittenRelease } from "../support/written-release";
import { ownProject, type Service, type Services, sh } from "./host-support/services";

/** What the service mounts: a file, and a folder of files. */
interface Files {
  site: string;
  parts: Record<string, string>;
}

const folder = "/home/deploy/.everfresh/shop";

describe("a service that reloads", function () {
  this.timeout(600_000);
  const shop = ownProject("reload");

  /** Keeps what it has read of its files in /tmp, and reads them again on SIGHUP. */
  const take = "cat /site /parts/* >/tmp/loaded";
  const proxy: Service = {
    command: sh(`mkdir /tmp; ${take}; trap '${take}' HUP; while :; do sleep 0.1; done`),
    stop_signal: "SIGKILL",
    reload: {
      check: sh("grep -q ok /site"),
      command: sh("kill -HUP 1; sleep 0.3"),
      seconds: 20,
    },
  };
  const loaded = () => inService(shop.host, "proxy", "cat", "/tmp/loaded");
  const container = async () => (await shop.containers()).proxy!;
  const listed = () => inService(shop.host, "proxy", "busybox", "ls", "-A", "/parts");

  const stored = (path: string, key: string, entries: ReleaseFile["entries"]): ReleaseFile => ({
    fingerprint: createHash("sha256").update(JSON.stringify(entries)).digest("hex"),
    path,
    entries,
    live: { path: `live/${key.repeat(16)}/${path}`, services: ["proxy"] },
  });
  const file = (path: string, content: string) =>
    ({ type: "file", path, executable: false, bytes: Buffer.from(content) }) as const;

  function release({ site, parts }: Files, more: Service = {}, others: Services = {}): WrittenRelease {
    const files = [
      stored("site", "a", [file("site", `${site}\n`)]),
      stored("parts", "b", [
        { type: "directory", path: "parts" },
        ...Object.entries(parts).map(([name, content]) => file(`parts/${name}`, `${content}\n`)),
      ]),
    ];
    const composeWith = (pathOf: (file: ReleaseFile) => string) =>
      shop.release({
        ...others,
        proxy: {
          ...proxy,
          ...more,
          volumes: files.map((file) => ({
            type: "bind",
            source: `./${pathOf(file)}`,
            target: `/${file.path}`,
            read_only: true,
            bind: { create_host_path: false },
          })),
        },
      });
    const live = composeWith((file) => file.live!.path);
    return {
      ...live,
      files,
      composeToCheck: composeWith(({ fingerprint, path }) => posix.join("store", fingerprint, path)).compose,
      services: live.services.map((service) => ({
        ...service,
        files: service.name === "proxy" ? files.map(({ fingerprint }) => fingerprint) : [],
      })),
    };
  }

  const old: Files = { site: "ok 1", parts: { a: "a 1", b: "b 1" } };
  const next: Files = { site: "ok 2", parts: { a: "a 2", "c d": "c 2" } };

  const run = (made: WrittenRelease) => deploy(shop.host, requestFor(shop.lab, made));
  async function deployed(files: Files, more: Service = {}, others: Services = {}) {
    const made = release(files, more, others);
    const { status, stderr } = await run(made);
    assert.equal(status, 0, stderr);
    return { made, stderr };
  }
  async function fails(files: Files, more: Service = {}) {
    const { status, stderr } = await run(release(files, more));
    assert.equal(status, 1, stderr);
    return stderr;
  }

  it("takes new files without a new container, and compose agrees", async () => {
    await deployed(old);
    const before = await container();
    assert.equal(await loaded(), "ok 1\na 1\nb 1");
    const { stderr } = await deployed(next);
    assert.equal(stderr, "proxy: checking its new files\nreload proxy\nproxy running\n");
    assert.equal(await loaded(), "ok 2\na 2\nc 2");
    assert.equal(await listed(), "a\nc d");
    await shop.sh(
      `cd ${folder} && docker compose -p shop --project-directory $PWD -f current/compose.yaml up -d`,
    );
    assert.deepEqual(await container(), before);
    await shop.hasNoDrift();
  });

  it("gets its old files back with a rollback", async () => {
    const { made } = await deployed(old);
    const before = await container();
    await deployed(next);
    const back = requestFor(shop.lab, { kept: made.id, project: "shop" });
    const { status, stderr } = await deploy(shop.host, back);
    assert.equal(status, 0, stderr);
    assert.equal(await loaded(), "ok 1\na 1\nb 1");
    assert.deepEqual(await container(), before);
    await shop.hasNoDrift();
  });

  it("is left as it is if its new files are broken", async () => {
    await deployed(old);
    const before = await container();
    const said = await fails({ ...next, site: "bad" });
    assert.match(
      said,
      /\nproxy: check of its new files: sh -c grep -q ok \/site exited with status 1\nrelease r\d+ serves, untouched\n$/,
    );
    assert.equal(await inService(shop.host, "proxy", "cat", "/site"), "ok 1");
    assert.deepEqual(await container(), before);
    await shop.hasNoDrift();
  });

  it("gets its old files back if the reload fails", async () => {
    await deployed(old);
    const before = await container();
    const broken = { ...proxy.reload!, command: sh("grep -q 1 /site && kill -HUP 1") };
    const said = await fails(next, { reload: broken });
    assert.match(
      said,
      /\nreload proxy\nproxy running\n\nproxy: reload: .* exited with status 1\nrelease r\d+ serves again\n$/,
    );
    assert.equal(await loaded(), "ok 1\na 1\nb 1");
    assert.deepEqual(await container(), before);
    await shop.hasNoDrift();
  });

  it("has its new files from the start if its container is replaced anyway", async () => {
    await deployed(old);
    const { stderr } = await deployed(next, { page: "one" });
    assert.match(stderr, /\nrecreate proxy\n/);
    assert.doesNotMatch(stderr, /reload proxy/);
    assert.equal(await loaded(), "ok 2\na 2\nc 2");
    const broken = await fails({ ...old, site: "bad" }, { page: "two" });
    assert.match(broken, /exited with status 1\nrelease r\d+ serves, untouched\n$/);
  });

  it("reloads also after it was restarted with what it depends on", async () => {
    const db = { init: true, command: sh("exec sleep 100000"), stop_grace_period: "1s" };
    const restarted = { depends_on: { db: { condition: "service_started", restart: true } } };
    await deployed(old, restarted, { db });
    const before = await container();
    const { stderr } = await deployed(next, restarted, { db: { ...db, page: "one" } });
    assert.match(stderr, /\nrestart proxy\n[\s\S]*reload proxy\n/);
    const after = await container();
    assert.equal(after.id, before.id);
    assert.notEqual(after.startedAt, before.startedAt);
    assert.equal(await loaded(), "ok 2\na 2\nc 2");
  });

  it("shows as drift what somebody changed by hand, which the next deployment keeps and puts right", async () => {
    const { made } = await deployed(old);
    const before = await container();
    await shop.sh(`echo ok by hand >${folder}/live/${"a".repeat(16)}/site`);
    assert.deepEqual((await look(shop.host)).drift, ["site was changed on the host"]);
    assert.equal((await run(made)).status, 0);
    assert.equal(await inService(shop.host, "proxy", "cat", "/site"), "ok 1");
    assert.match(await shop.sh(`cat ${folder}/changed/*/site`), /^ok by hand$/m);
    assert.deepEqual(await container(), before);
    await shop.hasNoDrift();
  });

  it("gets a new container if its file was replaced by another one on the host, which it cannot see", async () => {
    const { made } = await deployed(old);
    const before = await container();
    const site = `${folder}/live/${"a".repeat(16)}/site`;
    for (const user of ["deploy", "root"]) {
      await shop.sh(`cp ${site} ${site}.new && mv ${site}.new ${site}`, { user });
      await deployed(user === "root" ? old : next);
      assert.notEqual((await container()).id, before.id);
      assert.equal(await loaded(), user === "root" ? "ok 1\na 1\nb 1" : "ok 2\na 2\nc 2");
    }
    assert.equal((await run(made)).status, 0);
    assert.equal(await loaded(), "ok 1\na 1\nb 1");
  });

  it("replaces a file by a folder, and a folder that holds files of root", async () => {
    await deployed(old);
    const parts = `${folder}/live/${"b".repeat(16)}/parts`;
    await shop.sh(
      `mkdir ${parts}/of-root && echo x >${parts}/of-root/x && rm ${parts}/a && mkdir ${parts}/a`,
    );
    await deployed(next);
    assert.equal(await loaded(), "ok 2\na 2\nc 2");
    await shop.sh(`rm -r ${parts} && echo x >${parts}`);
    await deployed(old);
    assert.equal(await loaded(), "ok 1\na 1\nb 1");
    await shop.hasNoDrift();
  });

  it("takes its files with the next deployment, whatever its release, if one was killed meanwhile", async () => {
    const { made } = await deployed(old);
    const endless = { ...proxy.reload!, command: sh("echo >/tmp/begun; sleep 100000") };
    for (const [then, expected] of [
      [release(next), "ok 2\na 2\nc 2"],
      [made, "ok 1\na 1\nb 1"],
    ] as const) {
      const running = runOn(
        shop.host,
        deploymentProgram(
          requestFor(shop.lab, release({ ...next, site: `ok ${then.id}` }, { reload: endless })),
        ),
      );
      await eventually("the reload", () =>
        inService(shop.host, "proxy", "cat", "/tmp/begun").then(() => true),
      );
      await shop.sh("pkill -KILL -u deploy -f everfresh; pkill -KILL -u deploy -f 'docker exec' || true");
      await running;
      await inService(shop.host, "proxy", "busybox", "rm", "/tmp/begun");
      const { status, stderr } = await run(then);
      assert.equal(status, 0, stderr);
      assert.equal(await loaded(), expected);
      await shop.hasNoDrift();
    }
  });
});
