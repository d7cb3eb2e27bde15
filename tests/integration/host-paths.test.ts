import assert from "node:assert/strict";
import { teardownProgram } from "../../core/host/requests";
import type { HostPath } from "../../core/host/types";
import { exec } from "../../lab/faults";
import { ownHost } from "../faults/support/own-host";
import { deploy, inService, releaseOf, removeContainers, requestFor } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";
import type { WrittenRelease, WrittenRequest } from "../support/written-release";

const folder = "/home/deploy/.everfresh/shop";
const forever = ["sh", "-c", "exec sleep 100000"];

describe("a host folder or file that containers write to", function () {
  this.timeout(600_000);
  const own = ownHost("host-paths", ["one", "two"]);

  const clear = async () => {
    await removeContainers(own.host);
    await exec(own.host, ["rm", "-rf", folder, "/home/deploy/plain"]);
  };
  beforeEach(clear);

  let count = 0;
  /** A release of one service, `db`, which has these paths of the host. */
  const db = (
    page: string,
    hostPaths: Omit<HostPath, "users">[],
    volumes: object[] = [],
  ): WrittenRelease => ({
    ...releaseOf(own.images, `r${++count}`, {
      services: {
        db: {
          ...{ image: page, init: true, stop_grace_period: "1s", command: forever },
          volumes: [
            ...hostPaths.map(({ path, kind, made }) => ({
              ...{ type: "bind", source: `./${path}`, target: `/srv/${path}` },
              bind: { create_host_path: kind === "folder" && made },
            })),
            ...volumes,
          ],
        },
      },
      volumes: { data: {} },
    }),
    hostPaths: hostPaths.map((path) => ({
      ...path,
      users: [{ service: "db", target: `/srv/${path.path}` }],
    })),
  });
  const run = (release: WrittenRequest["release"], more: Partial<WrittenRequest> = {}) =>
    deploy(own.host, requestFor(own.lab, release, more));
  const green = async (release: WrittenRequest["release"], more: Partial<WrittenRequest> = {}) => {
    const { status, stderr } = await run(release, more);
    assert.equal(status, 0, stderr);
  };
  const inDb = (script: string) => inService(own.host, "db", "sh", "-c", script);
  const onHost = (script: string) => exec(own.host, ["sh", "-c", script], { user: "deploy" });
  const destroy = async (volumes: boolean) => {
    const request = {
      lineage: "lineage-of-the-tests",
      host: "host1",
      who: "t",
      from: "m",
      lockWait: 5,
      volumes,
    };
    const { status, stderr } = await runOn(own.host, teardownProgram({ project: "shop", ...request }));
    assert.equal(status, 0, stderr);
    return stderr;
  };
  const data = { path: "mounts/data", kind: "folder", made: true } as const;

  it("is created, and keeps what containers write through deployments, rollbacks and pruning", async () => {
    await green(db("one", [data]));
    await inDb(
      "echo precious >/srv/mounts/data/rows; chmod 700 /srv/mounts/data; chown 999 /srv/mounts/data",
    );
    const second = db("two", [data]);
    for (const release of [second, db("one", [data])]) await green(release, { keepReleases: 2 });
    await green({ kept: second.id, project: "shop" });
    assert.equal(await inDb("cat /srv/mounts/data/rows"), "precious");
  });

  it("belongs to root and is readable by everybody, as compose creates it", async () => {
    await green(db("one", [{ ...data, path: "mounts/deep/data" }]));
    const facts = "stat -c '%u %a' mounts/deep/data; ls -A mounts/deep";
    assert.equal(await exec(own.host, ["sh", "-c", `cd ${folder} && ${facts}`]), "0 755\ndata");
  });

  it("is created as an empty file, readable only by its user and root, if a file is wanted", async () => {
    const acme = { path: "mounts/certs/acme.json", kind: "file", made: true } as const;
    await green(db("one", [acme]));
    assert.equal(await onHost(`stat -c '%F %a' ${folder}/${acme.path}`), "regular empty file 600");
    await inDb(`echo '{}' >/srv/${acme.path}`);
    await green(db("two", [acme]));
    assert.equal(await inDb(`cat /srv/${acme.path}`), "{}");
  });

  it("is refused before anything is touched if it must exist and does not", async () => {
    const before = db("one", []);
    await green(before);
    const pem = { path: "mounts/a.pem", kind: "file", made: false } as const;
    const { status, stderr } = await run(db("two", [pem]));
    assert.equal(status, 1);
    assert.match(
      stderr,
      /services\.db\.volumes \(\/srv\/mounts\/a\.pem\): \/home\/deploy\/\.everfresh\/shop\/mounts\/a\.pem does not exist; create it, or ship it with `x-everfresh\.mounts`\n/,
    );
    assert.match(stderr, new RegExp(`release ${before.id} serves, untouched\n$`));
    await onHost(`mkdir -p ${folder}/mounts && echo cert >${folder}/${pem.path}`);
    await green(db("two", [pem]));
    assert.equal(await inDb(`cat /srv/${pem.path}`), "cert");
  });

  it("is refused if it is a file where a folder is wanted, or the other way round", async () => {
    await onHost(`mkdir -p ${folder}/mounts/file && touch ${folder}/mounts/data`);
    const { status, stderr } = await run(
      db("one", [data, { path: "mounts/file", kind: "file", made: true }]),
    );
    assert.equal(status, 1);
    assert.match(
      stderr,
      /mounts\/data is not a folder; move it away\n.*mounts\/file is not a file; move it away\n/s,
    );
  });

  it("does not start empty while the running container has its data elsewhere", async () => {
    const compose = `services: {db: {image: "${own.images.one}", init: true, command: ["sleep", "100000"], volumes: ["./data:/srv/mounts/data"]}}`;
    await green(db("one", [])); // so that the image is there
    await clear();
    await onHost(`mkdir ~/plain && cd ~/plain && printf '%s' '${compose}' >compose.yaml`);
    await onHost("cd ~/plain && docker compose -p shop up -d 2>/dev/null");
    const adopting = { takeOver: "unmanaged" };
    const { status, stderr } = await run(db("one", [data]), adopting);
    assert.equal(status, 1);
    assert.match(
      stderr,
      /services\.db\.volumes \(\/srv\/mounts\/data\): the running container has \/home\/deploy\/plain\/data there, but \/home\/deploy\/\.everfresh\/shop\/mounts\/data does not exist; name \/home\/deploy\/plain\/data in the compose file to keep using it, or create \/home\/deploy\/\.everfresh\/shop\/mounts\/data with the data it should hold\n/,
    );
    await inDb("echo old >/srv/mounts/data/rows");
    const absolute = { type: "bind", source: "/home/deploy/plain/data", target: "/srv/mounts/data" };
    await green(db("one", [], [absolute]), adopting);
    assert.equal(await inDb("cat /srv/mounts/data/rows"), "old");
  });

  it("does not replace a volume with an empty folder, unless somebody has created that folder", async () => {
    await green(db("one", [], [{ type: "volume", source: "data", target: "/srv/mounts/data" }]));
    const { status, stderr } = await run(db("one", [data]));
    assert.equal(status, 1);
    assert.match(stderr, /the running container has volume shop_data there/);
    await onHost(`mkdir -p ${folder}/mounts/data`);
    await green(db("one", [data]));
  });

  it("survives a teardown, unless volumes are removed too: then even other users' files in it go", async () => {
    await green(db("one", [data]));
    await inDb("mkdir -p /srv/mounts/data/deep && echo precious >/srv/mounts/data/deep/rows");
    assert.match(await destroy(false), /left alone: \S+\/shop\/mounts, which holds what containers wrote\n$/);
    assert.equal(await onHost(`cd ${folder} && ls -A && cat mounts/data/deep/rows`), "mounts\nprecious");
    await green(db("two", [data]));
    assert.equal(await inDb("cat /srv/mounts/data/deep/rows"), "precious");
    assert.match(await destroy(true), /removed\n$/);
    assert.equal(await onHost("ls -A ~/.everfresh"), "");
  });

  it("differs from a shipped folder, in which whatever containers write is set aside", async () => {
    const fingerprint = "ab".repeat(32);
    const shipped = (page: string, token: string) => {
      const mount = { type: "bind", source: `./store/${fingerprint}/conf`, target: "/conf" };
      const release = db(page, [], [mount]);
      const entries = [
        { type: "directory", path: "conf" } as const,
        { type: "file", path: "conf/a", executable: false, bytes: Buffer.from("shipped\n") } as const,
      ];
      const services = release.services.map((service) => ({ ...service, files: [fingerprint] }));
      return green(
        { ...release, services, files: [{ fingerprint, path: "conf", entries }] },
        { token, keepReleases: 1 },
      );
    };
    await shipped("one", "1");
    await inDb("mkdir /conf/deep && echo written >/conf/deep/b");
    await shipped("one", "2");
    assert.equal(await inDb("find /conf -type f"), "/conf/a");
    assert.equal(await onHost(`cat ${folder}/changed/*/conf/deep/b`), "written");
    // Only root may remove that; with the release that shipped it, it goes all the same.
    await inDb("mkdir /conf/deep && echo written >/conf/deep/b");
    await green(db("two", []), { keepReleases: 1 });
    assert.equal(await onHost(`ls -A ${folder}/store`), "");
  });
});
