import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lendProgram } from "../../../core/host/requests";
import { quote } from "../../../core/quote";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

/** A registry's login; the port tells one from another. */
const login = (port: number) => ({
  address: `127.0.0.1:${port}`,
  username: "everfresh",
  password: `p${port}`,
});

/** A deployer that lends a host its registry, as long as its connection lasts. */
interface Lender {
  said: string;
  /** Closes the connection, and waits until the host has noticed. */
  leave(): Promise<void>;
}

for (const shell of SHELLS) {
  describe(`a registry that is lent, under ${shell}`, () => {
    let home: string;
    let lenders: ChildProcess[];
    beforeEach(() => {
      home = mkdtempSync(join(tmpdir(), "everfresh-home-"));
      lenders = [];
    });
    afterEach(async () => {
      await Promise.all(lenders.map(leave));
      rmSync(home, { recursive: true });
    });

    async function leave(child: ChildProcess): Promise<void> {
      child.stdin!.end();
      if (child.exitCode === null) await once(child, "close");
    }

    /** Lends a registry to the deployments of a stack. @returns once the host says that it is there. */
    async function lend(lineage: string, port: number): Promise<Lender> {
      const { command, stdin } = lendProgram({ project: "shop", lineage }, login(port));
      const child = spawn("sh", ["-c", command.replace(/^sh /, `${shell} `)], {
        env: { PATH: process.env.PATH, HOME: home },
      });
      lenders.push(child);
      child.stdin.write(stdin);
      const [said] = await Promise.race([once(child.stdout, "data"), once(child, "close")]);
      return { said: String(said), leave: () => leave(child) };
    }

    const folder = () => join(home, ".everfresh", "shop");
    const fileOf = (lineage: string) =>
      `.lent-${createHash("sha256").update(lineage).digest("hex").slice(0, 16)}`;
    const files = () => readdirSync(folder()).sort();
    const addressIn = (file: string) =>
      /^address (.*)$/m.exec(readFileSync(join(folder(), file), "utf8"))?.[1];

    /** What a deployment of a stack finds, with `before` done first. */
    function used(lineage: string, before = ""): string[] {
      const script = `registry_address='' registry_config='' registry_login='' lent=''
cd ${quote(folder())} && lineage=${quote(lineage)} && ${before || ":"}
use_lent_registry
printf '%s\\n' "$lent" "$registry_address" "$registry_config" "$registry_login"`;
      const { stdout, stderr } = runUnder(
        shell,
        insteadOfMain(deploymentOf({ kept: "r1", project: "shop" }), script),
      );
      assert.equal(stderr, "");
      return stdout.trimEnd().split("\n");
    }

    for (const [what, address, expected] of [
      ["is refused if sshd opened its port to other machines", "0.0.0.0", /^host: its sshd opens the port/],
      ["is lent if only this machine reaches its port", "127.0.0.1", /^lent\n$/],
    ] as const) {
      it(what, async () => {
        const server = createServer().listen(0, address);
        await once(server, "listening");
        const { command, stdin } = lendProgram(
          { project: "shop", lineage: "l1" },
          login((server.address() as AddressInfo).port),
        );
        const child = spawn("sh", ["-c", command.replace(/^sh /, `${shell} `)], {
          env: { PATH: process.env.PATH, HOME: home },
        });
        lenders.push(child);
        child.stdin.end(stdin);
        const [said] = await Promise.race([once(child.stdout, "data"), once(child.stderr, "data")]);
        server.close();
        assert.match(String(said), expected);
      });
    }

    it("is announced once it is there, in a file of the stack that only the owner can read", async () => {
      const { said } = await lend("l1", 5001);
      assert.equal(said, "lent\n");
      assert.deepEqual(files(), [fileOf("l1")]);
      assert.equal(statSync(join(folder(), fileOf("l1"))).mode & 0o777, 0o600);
    });

    it("gives a deployment of the stack its address and its login", async () => {
      await lend("l1", 5001);
      const [file, address, config, given] = used("l1");
      assert.deepEqual([file, address], [fileOf("l1"), "127.0.0.1:5001"]);
      assert.deepEqual(JSON.parse(config!), { credHelpers: { "127.0.0.1:5001": "everfresh" } });
      assert.deepEqual(JSON.parse(given!), {
        ServerURL: "127.0.0.1:5001",
        Username: "everfresh",
        Secret: "p5001",
      });
    });

    it("is not used by another stack, or once it is gone", async () => {
      const { leave } = await lend("l1", 5001);
      assert.deepEqual(used("l2"), [""]);
      await leave();
      assert.deepEqual(used("l1"), [""]);
    });

    it("is gone when the connection ends", async () => {
      const { leave } = await lend("l1", 5001);
      await leave();
      assert.deepEqual(files(), []);
    });

    it("stays when the connection ends that lent an earlier one", async () => {
      const earlier = await lend("l1", 5001);
      const later = await lend("l1", 5002);
      await earlier.leave();
      assert.equal(addressIn(fileOf("l1")), "127.0.0.1:5002");
      await later.leave();
      assert.deepEqual(files(), []);
    });

    it("stays when another stack's is gone", async () => {
      const one = await lend("l1", 5001);
      await lend("l2", 5002);
      await one.leave();
      assert.deepEqual(files(), [fileOf("l2")]);
      assert.equal(addressIn(fileOf("l2")), "127.0.0.1:5002");
    });

    it("is there even if something else had its name", async () => {
      mkdirSync(join(folder(), fileOf("l1"), "x"), { recursive: true, mode: 0o700 });
      assert.equal((await lend("l1", 5001)).said, "lent\n");
      assert.equal(used("l1")[1], "127.0.0.1:5001");
      assert.ok(existsSync(join(folder(), "changed")));
    });

    it("is refused if the folder cannot be written", () => {
      const { command, stdin } = lendProgram({ project: "shop", lineage: "l1" }, login(5001));
      const program = { command, stdin };
      const text = Buffer.from(stdin, "base64").toString();
      // A disk that is full.
      program.stdin = `${Buffer.from(text.replace("\nmain() {", "\nreplace_file() { return 1; }\nmain() {")).toString("base64")}\n`;
      const { status, stdout, stderr } = runUnder(shell, program, { HOME: home });
      assert.deepEqual(
        [status, stdout, stderr],
        [1, "", `${folder()}: cannot be written; free some space\n`],
      );
    });
  });
}
