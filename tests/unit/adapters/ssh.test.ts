import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { AgentProtocol, type Connection, type ParsedKey, Server, type ServerChannel, utils } from "ssh2";
import { type RunOptions, runOnHost } from "../../../adapters/ssh";
import type { HostProgram } from "../../../core/host/program";
import { Problems } from "../../../core/problems";
import type { Host } from "../../../core/settings";
import { newKeys } from "../../../lab/keys";
import { eventually } from "../../../lab/poll";

const where = "everfresh:hosts[0]";
const [serverKeys, otherKeys, login] = [newKeys(), newKeys(), newKeys()];
const publicLogin = utils.parseKey(login.public);
const line = (publicKey: string) => publicKey.split(" ").slice(0, 2).join(" ");

/** What a host does with a command. */
type Behaviour = (channel: ServerChannel, command: string) => void;
const closers: (() => void)[] = [];

/** An SSH server of this process, on a port of its own; gives the host's setting for it. */
async function sshd(behaviour: Behaviour, seen: string[] = []): Promise<Host> {
  const server = new Server({ hostKeys: [serverKeys.private] }, (client: Connection) => {
    let user = "";
    client.on("error", () => {});
    client.on("authentication", (context) => {
      const known =
        context.method === "publickey" &&
        !(publicLogin instanceof Error) &&
        context.key.data.equals(publicLogin.getPublicSSH() as Buffer);
      if (!known) return context.reject(["publickey"]);
      user = context.username;
      context.accept();
    });
    client.on("ready", () => seen.push(`login ${user}`));
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _, { command }) => {
        seen.push(command);
        behaviour(acceptExec(), command);
      });
    });
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      seen.push(`forward ${destIP}:${destPort}`);
      const socket = connect(destPort, destIP);
      socket.once("connect", () => {
        const channel = accept();
        channel.on("error", () => {});
        channel.pipe(socket).pipe(channel);
      });
      socket.once("error", () => reject());
    });
  });
  const port = await listen(server);
  return {
    name: "web1",
    address: "127.0.0.1",
    port,
    user: "deploy",
    hostKey: line(serverKeys.public),
    privateKey: login.private,
  };
}

async function listen(server: Server | ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const run = (
  host: Host,
  { command = "sh", stdin = "", ...options }: Partial<HostProgram> & RunOptions = {},
) => runOnHost(host, where, { command, stdin }, { timeout: 5000, dialTimeout: 3000, ...options });
const refused = (promise: Promise<unknown>, problem: string | RegExp) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof Problems, String(error));
    assert.equal(error.problems.length, 1);
    if (typeof problem === "string") assert.equal(error.message, problem);
    else assert.match(error.message, problem);
    return true;
  });
const succeed: Behaviour = (channel) => {
  channel.exit(0);
  channel.end();
};

describe("runOnHost", () => {
  const agent = process.env.SSH_AUTH_SOCK;
  beforeEach(() => {
    delete process.env.SSH_AUTH_SOCK;
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
    if (agent === undefined) delete process.env.SSH_AUTH_SOCK;
    else process.env.SSH_AUTH_SOCK = agent;
  });

  it("logs in as the user, runs the command with its stdin, and gives what it said", async () => {
    const seen: string[] = [];
    const host = await sshd((channel) => {
      const stdin: Buffer[] = [];
      channel.on("data", (data: Buffer) => stdin.push(data));
      channel.on("end", () => {
        channel.write(`<${Buffer.concat(stdin)}>`);
        channel.stderr.write("warning ü");
        channel.exit(3);
        channel.end();
      });
    }, seen);
    const heard: string[] = [];
    const result = await run(host, { command: "sh -s", stdin: "ä\n", onStderr: (text) => heard.push(text) });
    assert.deepEqual(result, { status: 3, stdout: "<ä\n>", stderr: "warning ü" });
    assert.deepEqual(seen, ["login deploy", "sh -s"]);
    assert.equal(heard.join(""), "warning ü");
  });

  it("makes the connection while the program is still in the making", async () => {
    const seen: string[] = [];
    const host = await sshd(succeed, seen);
    const program = eventually("a login", async () => seen.length > 0 && { command: "sh -s", stdin: "" });
    assert.equal((await runOnHost(host, where, program)).status, 0);
    assert.deepEqual(seen, ["login deploy", "sh -s"]);
  });

  it("fails as the program's making fails, and runs nothing", async () => {
    const seen: string[] = [];
    const host = await sshd(succeed, seen);
    await refused(runOnHost(host, where, Promise.reject(new Problems(["x: no"]))), "x: no");
    assert.deepEqual(seen, ["login deploy"]);
  });

  it("sends and receives megabytes whole", async () => {
    const stdin = "0123456789abcdef".repeat(2 ** 17);
    const host = await sshd((channel) => {
      const echoed: Buffer[] = [];
      channel.on("data", (data: Buffer) => echoed.push(data));
      channel.on("end", () => {
        channel.write(Buffer.concat(echoed), () => succeed(channel, ""));
      });
    });
    assert.equal((await run(host, { stdin })).stdout, stdin);
  });

  it("knows no status of a command that a signal ended", async () => {
    const host = await sshd((channel) => {
      channel.exit("KILL", false, "");
      channel.end();
    });
    assert.equal((await run(host)).status, undefined);
  });

  it("knows no status when the connection breaks, and what was said until then", async () => {
    const sockets: Socket[] = [];
    const target = await sshd((channel) => {
      channel.write("half");
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, 50);
    });
    const port = await listen(
      createServer((socket) => {
        const onward = connect(target.port, target.address);
        for (const end of [socket, onward]) end.on("error", () => {});
        socket.pipe(onward).pipe(socket);
        sockets.push(socket, onward);
      }),
    );
    const { status, stdout } = await run({ ...target, port });
    assert.deepEqual([status, stdout], [undefined, "half"]);
  });

  it("does not mind a command that ends before it has read its stdin", async () => {
    const host = await sshd(succeed);
    assert.equal((await run(host, { stdin: "x".repeat(8 * 2 ** 20) })).status, 0);
  });

  it("trusts no host with another key, before it has said who it is", async () => {
    const seen: string[] = [];
    const host = await sshd(succeed, seen);
    await refused(
      run({ ...host, hostKey: line(otherKeys.public) }),
      `${where}.hostKey: 127.0.0.1:${host.port} proves itself with another key (${line(serverKeys.public)}); ` +
        "find out why before anything else; if the machine was rebuilt, set the new key",
    );
    assert.deepEqual(seen, []);
  });

  it("trusts no host that has no key of the given type", async () => {
    const host = await sshd(succeed);
    await refused(
      run({ ...host, hostKey: "ecdsa-sha2-nistp256 AAAA" }),
      `${where}.hostKey: 127.0.0.1:${host.port} has no key of type ecdsa-sha2-nistp256; give a line that \`ssh-keyscan\` prints for it`,
    );
  });

  it("takes a host key with a comment", async () => {
    const host = await sshd(succeed);
    assert.equal((await run({ ...host, hostKey: `${host.hostKey} root@web1` })).status, 0);
  });

  it("says when the login is refused", async () => {
    const host = await sshd(succeed);
    await refused(
      run({ ...host, privateKey: otherKeys.private }),
      `${where}.privateKey: 127.0.0.1:${host.port} refuses the login of deploy; add the public key to its authorized_keys, or correct \`user\``,
    );
  });

  it("says when there is neither a key nor an agent", async () => {
    const { privateKey: _, ...host } = await sshd(succeed);
    await refused(
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

  it("asks the SSH agent where no key is given", async () => {
    const { privateKey: _, ...host } = await sshd(succeed);
    process.env.SSH_AUTH_SOCK = await sshAgent(login.private);
    assert.equal((await run(host)).status, 0);
    process.env.SSH_AUTH_SOCK = await sshAgent(otherKeys.private);
    await refused(
      run(host),
      /^everfresh:hosts\[0\]\.privateKey: 127\.0\.0\.1:\d+ refuses the login of deploy; /,
    );
  });

  it("says when the agent does not answer", async () => {
    const { privateKey: _, ...host } = await sshd(succeed);
    process.env.SSH_AUTH_SOCK = "/nonexistent/agent";
    await refused(
      run(host),
      `${where}.privateKey: the SSH agent does not answer (Failed to connect to agent); start an agent (\`eval $(ssh-agent) && ssh-add\`) or set the key with \`pulumi config set --secret --path\``,
    );
  });

  it("says when the key is encrypted, or no key", async () => {
    const host = await sshd(succeed);
    const encrypted = utils.generateKeyPairSync("ed25519", {
      passphrase: "x",
      cipher: "aes256-ctr",
      rounds: 1,
    }).private;
    await refused(
      run({ ...host, privateKey: encrypted }),
      `${where}.privateKey: is encrypted; load it into an SSH agent and remove it from the configuration`,
    );
    const broken = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    await refused(
      run({ ...host, privateKey: broken }),
      /^everfresh:hosts\[0\]\.privateKey: cannot be read \(.+\); give a private key in OpenSSH or PEM format$/,
    );
  });

  it("never shows the key", async () => {
    const host = await sshd(succeed);
    for (const privateKey of [otherKeys.private, otherKeys.private.slice(0, 200)]) {
      await assert.rejects(run({ ...host, privateKey }), (error: Problems) => {
        assert.ok(!error.message.includes(otherKeys.private.split("\n")[1]!), error.message);
        return true;
      });
    }
  });

  it("says when nobody listens", async () => {
    const host = await sshd(succeed);
    for (const close of closers.splice(0)) close();
    await refused(
      run(host),
      new RegExp(
        `^everfresh:hosts\\[0\\]\\.address: 127\\.0\\.0\\.1:${host.port} cannot be reached \\(connect ECONNREFUSED 127\\.0\\.0\\.1:${host.port}\\); check the address, the port and that sshd runs$`,
      ),
    );
  });

  it("says when a name cannot be resolved", async () => {
    const host = await sshd(succeed);
    await refused(
      run({ ...host, address: "host.invalid" }),
      `${where}.address: host.invalid:${host.port} cannot be reached (its name cannot be resolved); check the address, the port and that sshd runs`,
    );
  });

  it("says when something else answers", async () => {
    const host = await sshd(succeed);
    const port = await listen(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    await refused(run({ ...host, port }), /^everfresh:hosts\[0\]\.address: .* cannot be reached \(.+\); /);
  });

  it("gives up dialling where nobody says anything", async () => {
    const host = await sshd(succeed);
    const port = await listen(createServer((socket) => closers.push(() => socket.destroy())));
    await refused(
      run({ ...host, port }, { dialTimeout: 200 }),
      `${where}.address: 127.0.0.1:${port} cannot be reached (no answer in 0.2 s); check the address, the port and that sshd runs`,
    );
  });

  it("gives up a command that takes too long", async () => {
    const host = await sshd(() => {});
    await refused(
      run(host, { timeout: 300 }),
      `${where} (web1): no answer in 0.3 s; look at the host: is it overloaded?`,
    );
  });

  it("gives up an answer that does not end, on either stream, and keeps no more of it", async () => {
    for (const stream of ["stdout", "stderr"] as const) {
      let enough = false;
      const host = await sshd((channel) => {
        const chunk = Buffer.alloc(2 ** 20, "x");
        const end = stream === "stdout" ? channel : channel.stderr;
        const more = () => {
          if (!enough) end.write(chunk, () => setImmediate(more));
        };
        more();
      });
      let heard = 0;
      await refused(
        run(host, {
          timeout: 20_000,
          onStderr: (text) => {
            heard += text.length;
          },
        }),
        `${where} (web1): its answer is longer than 16 MiB; look at what the host sends`,
      );
      assert.ok(heard <= 16 * 2 ** 20, `${heard}`);
      enough = true;
    }
    const host = await sshd((channel) => {
      channel.write(Buffer.alloc(17 * 2 ** 20, "x"));
    });
    await refused(run(host, { askLess: "ask for less" }), /longer than 16 MiB; ask for less$/);
  });

  it("hears a character that comes in two parts", async () => {
    const host = await sshd((channel) => {
      const [first, ...rest] = Buffer.from("ü");
      channel.stderr.write(Buffer.from([first!]), () => {
        setTimeout(() => {
          channel.stderr.write(Buffer.from(rest));
          succeed(channel, "");
        }, 50);
      });
    });
    const heard: string[] = [];
    await run(host, { onStderr: (text) => heard.push(text) });
    assert.equal(heard.join(""), "ü");
  });

  it("shows nothing of a server's words that steers the terminal, and all of it in one line", async () => {
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

  it("says when the host runs no commands", async () => {
    const server = new Server({ hostKeys: [serverKeys.private] }, (client) => {
      client.on("error", () => {});
      client.on("authentication", (context) => context.accept());
      client.on("session", (accept) => accept().on("exec", (_, reject) => reject()));
    });
    const host = await sshd(succeed);
    await refused(
      run({ ...host, port: await listen(server) }),
      /^everfresh:hosts\[0\] \(web1\): cannot run a command \(.+\); check the user's login shell$/,
    );
  });

  describe("through a proxy", () => {
    const proxied = (host: Host, jump: Host): Host => {
      const { name: _, proxyJump: __, ...endpoint } = jump;
      return { ...host, proxyJump: { ...endpoint, user: "jumper" } };
    };

    it("logs in to both, and runs the command on the host only", async () => {
      const onHost: string[] = [];
      const onProxy: string[] = [];
      const host = await sshd(succeed, onHost);
      const jump = await sshd(() => assert.fail("the proxy was given a command"), onProxy);
      assert.equal((await run(proxied(host, jump))).status, 0);
      assert.deepEqual(onProxy, ["login jumper", `forward 127.0.0.1:${host.port}`]);
      assert.deepEqual(onHost, ["login deploy", "sh"]);
    });

    it("checks the keys of both, each under its own name", async () => {
      const host = await sshd(succeed);
      const jump = await sshd(succeed);
      const wrong = line(otherKeys.public);
      await refused(
        run(proxied(host, { ...jump, hostKey: wrong })),
        /^everfresh:hosts\[0\]\.proxyJump\.hostKey: /,
      );
      await refused(run(proxied({ ...host, hostKey: wrong }, jump)), /^everfresh:hosts\[0\]\.hostKey: /);
    });

    it("says when the proxy cannot reach the host", async () => {
      const jump = await sshd(succeed);
      const host = await sshd(succeed);
      const port = await listen(createServer());
      closers.pop()!();
      await refused(
        run(proxied({ ...host, port }, jump)),
        new RegExp(
          `^everfresh:hosts\\[0\\]\\.address: the proxy cannot reach 127\\.0\\.0\\.1:${port} \\(.+\\); check the address and the port$`,
        ),
      );
    });
  });
});
