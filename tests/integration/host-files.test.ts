import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { parse } from "yaml";
import type { ComposeDocument } from "../../core/compose/document";
import { renderCompose, storePath } from "../../core/compose/render";
import type { FileAccess, ReleaseFileEntry } from "../../core/host/types";
import { engine, exec } from "../../lab/faults";
import { ownHost } from "../faults/support/own-host";
import { deploy, inService, look, releaseOf, removeProjects, requestFor, shop } from "../faults/support/shop";
import type { WrittenRelease } from "../support/written-release";

const folder = "/home/deploy/.everfresh/shop";

describe("a release's containers", function () {
  this.timeout(600_000);
  const own = ownHost("host-files", ["one", "api"]);

  it("are proved to run their image whatever its name, with or without a tag and a registry", async () => {
    const local = "local/api:latest";
    for (const [number, name] of ["local/api", "docker.io/local/api:latest"].entries()) {
      await deploy(own.host, requestFor(own.lab, shop(own.images, `n${number}`, { page: "one" })));
      await engine(own.host, "tag", own.images.api!, local);
      const named = shop(own.images, `named${number}`, { page: "one" });
      named.compose = named.compose.replace(own.images.api!, name);
      named.services[1] = { name: "api", image: name, replicas: 1, files: [], verify: [] };
      for (const settled of ["deployed", "again"]) {
        const { status, stderr } = await deploy(own.host, requestFor(own.lab, named));
        assert.equal(status, 0, `${settled} as ${name}: ${stderr}`);
      }
      assert.deepEqual((await look(own.host)).drift, []);
    }
    await removeProjects(own.host);
  });

  it("receive any text exactly: variables, labels, arguments, file names", async () => {
    const texts = [
      ...["'", '"', "$(id)", "`id`", "; id", "\\", "-n", " x ", "ü€😀", "%s", "!!", "${HOME}", "$$", "$HOME"],
      ...["a\nb\n", "\n", "\t", "#", "k: v", "{{.Id}}", "\u0085", "|", "EVERFRESH_PAYLOAD", "", "-", "~"],
      ...fc.sample(fc.string({ unit: "grapheme" }), 40).filter((text) => !text.includes("\0")),
    ].map((text) => text.toWellFormed());
    const byName = (prefix: string, values: string[]) =>
      Object.fromEntries(values.map((value, i) => [`${prefix}${i}`, value]));
    const name = ` -n "a" |$(id)\n'ü: \\;.conf`;
    const fingerprint = "0d".repeat(32);

    const odd = shop(own.images, "odd", { page: "one" });
    const document = parse(odd.compose) as ComposeDocument;
    Object.assign(document.services.api!, {
      environment: byName("V", texts),
      labels: byName("test.", texts),
      command: ["sh", "-c", "sleep 100000", ...texts],
      volumes: [{ type: "bind", source: "/srv/odd", target: "/odd $ file", read_only: true }],
    });
    odd.compose = renderCompose(
      { services: [], document },
      { images: {}, files: new Map([["/srv/odd", storePath(fingerprint, name)]]) },
    );
    const bytes = Buffer.from("odd\n");
    const entries = [{ type: "file" as const, path: name, executable: false, bytes }];
    odd.files.push({ fingerprint, path: name, entries });
    odd.services.find(({ name }) => name === "api")!.files.push(fingerprint);

    const { status, stderr, result } = await deploy(own.host, requestFor(own.lab, odd));
    assert.equal(status, 0, stderr);
    const { container } = result!.services.api!;
    const [inspected] = JSON.parse(await engine(own.host, "inspect", container));
    const { Env, Labels, Cmd } = inspected.Config as { Env: string[]; Labels: object; Cmd: string[] };
    const variables = Env.filter((line) => /^V\d+=/.test(line)).map((line) =>
      line.slice(line.indexOf("=") + 1),
    );
    const labels = Object.entries(Labels).filter(([key]) => key.startsWith("test."));
    assert.deepEqual([...variables].sort(), [...texts].sort());
    assert.deepEqual(Object.fromEntries(labels), byName("test.", texts));
    assert.deepEqual(Cmd.slice(3), texts);
    assert.equal(await engine(own.host, "exec", container, "cat", "/odd $ file"), "odd");

    // And the host knows its own containers again.
    assert.deepEqual((await look(own.host)).drift, []);
    const again = await deploy(own.host, requestFor(own.lab, odd, { token: "again" }));
    assert.match(again.stderr, /odd is already running; nothing was touched/);
  });

  describe("owner and mode of what they mount", () => {
    let count = 0;
    /** A release of one service that has a secret `token`, and a key among its files. */
    function release(access: FileAccess, text = "t0ken", isPrivate = false): WrittenRelease {
      const fingerprints = { token: mark(text, JSON.stringify(access)), key: mark("key", isPrivate) };
      const files: [string, ReleaseFileEntry][] = [
        [
          fingerprints.token,
          { type: "file", path: "token", executable: false, access, bytes: Buffer.from(text) },
        ],
        [
          fingerprints.key,
          { type: "file", path: "key", executable: false, private: isPrivate, bytes: Buffer.from("key") },
        ],
      ];
      const mode = access.mode.toString(8);
      const document = {
        name: "shop",
        services: {
          web: {
            image: own.images.one!,
            init: true,
            stop_grace_period: "1s",
            command: ["sh", "-c", "exec sleep 100000"],
            secrets: [{ source: "token", uid: `${access.uid}`, gid: `${access.gid}`, mode }],
            volumes: [{ type: "bind", source: "/key", target: "/etc/key", read_only: true }],
          },
        },
        secrets: { token: { environment: "TOKEN" } },
      };
      const base = releaseOf(own.images, `r${++count}`, { services: { web: { image: "one" } } });
      return {
        ...base,
        compose: renderCompose(
          { services: [], document },
          {
            images: {},
            files: new Map([
              [
                `secrets.token (${access.uid}:${access.gid}, mode ${mode})`,
                storePath(fingerprints.token, "token", true),
              ],
              ["/key", storePath(fingerprints.key, "key")],
            ]),
          },
        ),
        files: files.map(([fingerprint, entry]) => ({ fingerprint, path: entry.path, entries: [entry] })),
        services: base.services.map((service) => ({ ...service, files: Object.values(fingerprints) })),
      };
    }
    const mark = (...parts: unknown[]) =>
      Buffer.from(parts.join("|")).toString("hex").padEnd(64, "0").slice(-64);
    const green = async (wanted: WrittenRelease, token = "t") => {
      const { status, stderr } = await deploy(
        own.host,
        requestFor(own.lab, wanted, { token, keepReleases: 1 }),
      );
      assert.equal(status, 0, stderr);
    };
    const inWeb = (...command: string[]) => inService(own.host, "web", ...command);
    const token = () => inWeb("sh", "-c", "ls -ln /run/secrets/token; cat /run/secrets/token");

    it("are what the service asks for, even if nobody else may read the file", async () => {
      await green(release({ uid: 103, gid: 5, mode: 0o400 }));
      assert.match(await token(), /^-r-------- +1 103 +5 .*\nt0ken$/);
      assert.deepEqual((await look(own.host)).drift, []);
      await green(release({ uid: 0, gid: 5, mode: 0o440 }, "other"));
      assert.match(await token(), /^-r--r----- +1 0 +5 .*\nother$/);
      assert.equal(
        (await exec(own.host, ["ls", `${folder}/store/.owned`])).split("\n").length,
        1,
        "the old copy is gone",
      );
    });

    it("are restored if the host's copy has been changed", async () => {
      const wanted = release({ uid: 103, gid: 5, mode: 0o400 });
      await green(wanted);
      await exec(own.host, ["sh", "-c", `chmod 644 ${folder}/store/.owned/*/token`]);
      await green({ ...wanted, id: "again" }, "again");
      assert.match(await token(), /^-r-------- +1 103 +5 /);
    });

    it("are reported once, in compose's words, if the host's compose ignores them", async () => {
      const wanted = release({ uid: 0, gid: 0, mode: 0o444 });
      wanted.compose = wanted.compose.replace(/"source": "token-.*/, '$&\n        "mode": 256');
      const { status, stderr } = await deploy(own.host, requestFor(own.lab, wanted, { token: "w" }));
      assert.equal(status, 0, stderr);
      const told = "docker compose: secrets `uid`, `gid` and `mode` are not supported, they will be ignored";
      // compose 2.17 ignores them without a word.
      assert.deepEqual(
        stderr.match(/^docker compose: .*/gm) ?? [],
        own.lab.engine === "oldest" ? [] : [told],
      );
    });

    it("keep a private file private to its owner", async () => {
      for (const [isPrivate, wanted] of [
        [false, "-rw-r--r--"],
        [true, "-rw-------"],
      ] as const) {
        await green(release({ uid: 0, gid: 0, mode: 0o444 }, "t", isPrivate));
        assert.equal((await inWeb("sh", "-c", "ls -l /etc/key")).split(" ")[0], wanted);
      }
      await exec(own.host, ["sh", "-c", `chmod 644 ${folder}/store/*/key`]);
      assert.deepEqual((await look(own.host)).drift, ["key was changed on the host"]);
    });

    it("do not affect a seccomp profile, which the host's compose reads from the store", async () => {
      const profile = (...forbidden: string[]) =>
        JSON.stringify({
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: forbidden, action: "SCMP_ACT_ERRNO" }],
        });
      const confined = (text: string): WrittenRelease => {
        const fingerprint = createHash("sha256").update(text).digest("hex");
        const web = {
          image: own.images.one!,
          init: true,
          stop_grace_period: "1s",
          command: ["sleep", "100000"],
        };
        const document = { name: "shop", services: { web: { ...web, security_opt: ["seccomp=./p.json"] } } };
        const base = releaseOf(own.images, `r${++count}`, { services: { web: { image: "one" } } });
        const files = new Map([["seccomp=./p.json", storePath(fingerprint, "p.json")]]);
        const entry = { type: "file", path: "p.json", executable: false, bytes: Buffer.from(text) } as const;
        return {
          ...base,
          compose: renderCompose({ services: [], document }, { images: {}, files }),
          files: [{ fingerprint, path: "p.json", entries: [entry] }],
          services: base.services.map((service) => ({ ...service, files: [fingerprint] })),
        };
      };
      const attempt = () => inWeb("sh", "-c", ": >/x; chmod 600 /x 2>&1 && echo done || :");
      await green(confined(profile("chmod", "fchmodat", "fchmodat2")));
      assert.match(await attempt(), /Operation not permitted/);
      await green(confined(profile("swapon")));
      assert.equal(await attempt(), "done");
    });
  });
});
