import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { AgentProtocol, type ParsedKey, utils } from "ssh2";
import { Problems } from "../../../core/problems";
import type { Host } from "../../../core/settings";
import {
  assertProblem,
  closers,
  line,
  listen,
  login,
  otherKeys,
  run,
  serverKeys,
  sshd,
  succeed,
  where,
  withoutAgent,
} from "./ssh-server";

describe("a connection to a host", () => {
  withoutAgent();

  it("rejects a host with a different key, before logging in", async () => {
    const seen: string[] = [];
    const host = await sshd(succeed, seen);
    await assertProblem(
      run({ ...host, hostKey: line(otherKeys.public) }),
      `${where}.hostKey: 127.0.0.1:${host.port} presented another host key (${line(serverKeys.public)}); ` +
        "find out why before anything else; if the machine was rebuilt, set the new key",
    );
    assert.deepEqual(seen, []);
  });

  it("rejects a host without a key of the given type", async () => {
    const host = await sshd(succeed);
    await assertProblem(
      run({ ...host, hostKey: "ecdsa-sha2-nistp256 AAAA" }),
      `${where}.hostKey: 127.0.0.1:${host.port} has no key of type ecdsa-sha2-nistp256; give a line that \`ssh-keyscan\` prints for it`,
    );
  });

  it("accepts a host key with a comment", async () => {
    const host = await sshd(succeed);
    assert.equal((await run({ ...host, hostKey: `${host.hostKey} root@web1` })).status, 0);
  });

  it("says that the login is refused", async () => {
    const host = await sshd(succeed);
    await assertProblem(
      run({ ...host, privateKey: otherKeys.private }),
      `${where}.privateKey: 127.0.0.1:${host.port} refuses the login of deploy; add the public key to its authorized_keys, or correct \`user\``,
    );
  });

  it("says that there is neither a key nor an agent", async () => {
    const { privateKey: _, ...host } = await sshd(succeed);
    await assertProblem(
      run(host),
      `${where}.privateKey: there is no key and no SSH agent; start an agent (\`eval $(ssh-agent) && ssh-add\`) or set the key with \`pulumi config set --secret --path\``,
    );
  });

  /** An SSH agent of this process; gives its socket. */
  async function sshAgent(privateKey: string): Promise<string> {
    const key = utils.parseKey(privateKey) as ParsedKey;
    const server = createServer((socket) => {
      const protocol = new AgentProtocol(false);
      protocol.on("identities", (request) => protocol.getIdentitiesReply(request, [key]));
      protocol.on("sign", (request, _, data) => protocol.signReply(request, key.sign(data) as Buffer));
      socket.pipe(protocol).pipe(socket);
    });
    const folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-agent-"));
    server.listen(path.join(folder, "agent"));
    await once(server, "listening");
    closers.push(() => server.close(() => rmSync(folder, { recursive: true })));
    return path.join(folder, "agent");
  }

  it("uses the SSH agent if no key is given", async () => {
    const { privateKey: _, ...host } = await sshd(succeed);
    process.env.SSH_AUTH_SOCK = await sshAgent(login.private);
    assert.equal((await run(host)).status, 0);
    process.env.SSH_AUTH_SOCK = await sshAgent(otherKeys.private);
    await assertProblem(
      run(host),
      /^everfresh:hosts\[0\]\.privateKey: 127\.0\.0\.1:\d+ refuses the login of deploy; /,
    );
  });

  it("says that the agent does not answer", async () => {
    const { privateKey: _, ...host } = await sshd(succeed);
    process.env.SSH_AUTH_SOCK = "/nonexistent/agent";
    await assertProblem(
      run(host),
      `${where}.privateKey: the SSH agent does not answer (Failed to connect to agent); start an agent (\`eval $(ssh-agent) && ssh-add\`) or set the key with \`pulumi config set --secret --path\``,
    );
  });

  it("says that the key is encrypted, or not a key", async () => {
    const host = await sshd(succeed);
    const encrypted = utils.generateKeyPairSync("ed25519", {
      passphrase: "x",
      cipher: "aes256-ctr",
      rounds: 1,
    }).private;
    await assertProblem(
      run({ ...host, privateKey: encrypted }),
      `${where}.privateKey: is encrypted; load it into an SSH agent and remove it from the configuration`,
    );
    const broken = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    await assertProblem(
      run({ ...host, privateKey: broken }),
      /^everfresh:hosts\[0\]\.privateKey: cannot be read \(.+\); give a private key in OpenSSH or PEM format$/,
    );
  });

  for (const [what, privateKey] of [
    ["a key that the host refuses", otherKeys.private],
    ["a key that is cut off", otherKeys.private.slice(0, 200)],
  ])
    it(`never shows ${what}`, async () => {
      const host = await sshd(succeed);
      await assert.rejects(run({ ...host, privateKey }), (error: Problems) => {
        assert.ok(!error.message.includes(otherKeys.private.split("\n")[1]!), error.message);
        return true;
      });
    });

  it("says that nothing listens on the port", async () => {
    const host = await sshd(succeed);
    for (const close of closers.splice(0)) close();
    await assertProblem(
      run(host),
      new RegExp(
        `^everfresh:hosts\\[0\\]\\.address: 127\\.0\\.0\\.1:${host.port} cannot be reached \\(connect ECONNREFUSED 127\\.0\\.0\\.1:${host.port}\\); check the address, the port and that sshd runs$`,
      ),
    );
  });

  it("says that a name cannot be resolved", async () => {
    const host = await sshd(succeed);
    await assertProblem(
      run({ ...host, address: "host.invalid" }),
      `${where}.address: host.invalid:${host.port} cannot be reached (its name cannot be resolved); check the address, the port and that sshd runs`,
    );
  });

  it("says that something other than SSH answers", async () => {
    const host = await sshd(succeed);
    const port = await listen(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    await assertProblem(
      run({ ...host, port }),
      /^everfresh:hosts\[0\]\.address: .* cannot be reached \(.+\); /,
    );
  });

  it("gives up on a server that never says anything", async () => {
    const host = await sshd(succeed);
    const port = await listen(createServer((socket) => closers.push(() => socket.destroy())));
    await assertProblem(
      run({ ...host, port }, { dialTimeout: 200 }),
      `${where}.address: 127.0.0.1:${port} cannot be reached (no answer in 0.2 s); check the address, the port and that sshd runs`,
    );
  });

  it("shows a server's message in one line, without control characters", async () => {
    const host = await sshd(succeed);
    const port = await listen(
      createServer((socket) => socket.end("SSH-2.0-x\u001b[31m\nnext\u001b]0;owned\u0007\r\n")),
    );
    await assert.rejects(run({ ...host, port }), (error: Problems) => {
      assert.ok(error instanceof Problems);
      assert.doesNotMatch(error.message, /[\p{Cc}]/u);
      return true;
    });
  });

  describe("through a proxy", () => {
    const proxied = (host: Host, jump: Host): Host => {
      const { name: _, proxyJump: __, ...endpoint } = jump;
      return { ...host, proxyJump: { ...endpoint, user: "jumper" } };
    };

    it("logs in to both, and runs the command only on the host", async () => {
      const onHost: string[] = [];
      const onProxy: string[] = [];
      const host = await sshd(succeed, onHost);
      const jump = await sshd(() => assert.fail("the proxy was given a command"), onProxy);
      assert.equal((await run(proxied(host, jump))).status, 0);
      assert.deepEqual(onProxy, ["login jumper", `forward 127.0.0.1:${host.port}`]);
      assert.deepEqual(onHost, ["login deploy", "sh"]);
    });

    it("checks the keys of both, and names the one that is wrong", async () => {
      const host = await sshd(succeed);
      const jump = await sshd(succeed);
      const wrong = line(otherKeys.public);
      await assertProblem(
        run(proxied(host, { ...jump, hostKey: wrong })),
        /^everfresh:hosts\[0\]\.proxyJump\.hostKey: /,
      );
      await assertProblem(
        run(proxied({ ...host, hostKey: wrong }, jump)),
        /^everfresh:hosts\[0\]\.hostKey: /,
      );
    });

    it("says that the proxy cannot reach the host", async () => {
      const jump = await sshd(succeed);
      const host = await sshd(succeed);
      const port = await listen(createServer());
      closers.pop()!();
      await assertProblem(
        run(proxied({ ...host, port }, jump)),
        new RegExp(
          `^everfresh:hosts\\[0\\]\\.address: the proxy cannot reach 127\\.0\\.0\\.1:${port} \\(.+\\); check the address and the port$`,
        ),
      );
    });
  });
});
