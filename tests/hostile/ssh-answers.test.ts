import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { type Connection, Server, type ServerChannel } from "ssh2";
import { probeHost } from "../../adapters/probe";
import { runOnHost } from "../../adapters/ssh";
import { runVerb } from "../../adapters/verb";
import type { Host } from "../../core/settings";
import { newKeys } from "../../lab/keys";
import { inABox } from "./support/box";
import { anyText, bytes, secret, shortText } from "./support/fragments";
import { answers, assertShown } from "./support/host-facts";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, valueOrRefusal } from "./support/refusals";

const [serverKeys, login] = [newKeys(), newKeys()];
const program = { command: "sh -c true", stdin: "exit" };
const where = "everfresh:hosts[0]";

describe("hostile answers over SSH", function () {
  this.timeout(patienceFor(120_000));
  inABox();
  const closers: (() => void)[] = [];
  const agent = process.env.SSH_AUTH_SOCK;
  before(() => {
    delete process.env.SSH_AUTH_SOCK;
  });
  after(() => {
    if (agent !== undefined) process.env.SSH_AUTH_SOCK = agent;
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function listen(server: Server | ReturnType<typeof createServer>): Promise<Host> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => server.close());
    return {
      name: "web1",
      address: "127.0.0.1",
      port: (server.address() as AddressInfo).port,
      user: "deploy",
      hostKey: serverKeys.public.split(" ").slice(0, 2).join(" "),
      privateKey: login.private,
    };
  }

  /** An sshd that lets everybody in, and does with a command what it is told to. */
  async function sshd(behave: (channel: ServerChannel, client: Connection) => void): Promise<Host> {
    const server = new Server({ hostKeys: [serverKeys.private] }, (client) => {
      client.on("error", () => {});
      // Or each of its small packets waits for the client's system to acknowledge the one before.
      (client as unknown as { setNoDelay(noDelay: boolean): void }).setNoDelay(true);
      client.on("authentication", (context) => context.accept());
      client.on("session", (accept) => {
        accept().on("exec", (acceptExec) => {
          const channel = acceptExec();
          channel.on("error", () => {});
          // A server that does not read would hang the client's stdin, not its stdout.
          channel.resume();
          behave(channel, client);
        });
      });
    });
    return listen(server);
  }

  type Ending = "status" | "signal" | "cut" | "never" | "none";
  const behaviours = fc.record({
    stdout: fc.oneof(
      answers.map((each) => Buffer.from(each)),
      bytes,
    ),
    stderr: fc.oneof(
      bytes,
      shortText.map((each) => Buffer.from(each)),
    ),
    status: fc.constantFrom(0, 1, 2, 127, 255, 4294967295),
    ending: fc.oneof(
      { weight: 8, arbitrary: fc.constant<Ending>("status") },
      fc.constantFrom<Ending>("signal", "cut", "never", "none"),
    ),
  });

  it("are read as a host's facts, or refused in our own words, in time", async () => {
    let behaviour: { stdout: Buffer; stderr: Buffer; status: number; ending: Ending };
    const host = await sshd((channel, client) => {
      const { stdout, stderr, status, ending } = behaviour;
      channel.stderr.write(stderr);
      channel.write(stdout, () => {
        if (ending === "cut") return client.end();
        if (ending === "never") return;
        if (ending === "status") channel.exit(status);
        if (ending === "signal") channel.exit("KILL", false, "\u001b[31m");
        channel.end();
      });
    });
    await tryAll(
      "host answers",
      12,
      behaviours,
      async (next) => {
        behaviour = next;
        const never = next.ending === "never";
        const patience = { timeout: never ? 300 : 5000 };
        const result = await valueOrRefusal(() => runOnHost(host, where, program, patience));
        if (!(result instanceof Refusal)) {
          assert.ok(!never);
          assert.equal(typeof result.stdout, "string");
          assert.ok(result.status === undefined || Number.isInteger(result.status));
        }
        await valueOrRefusal(() => runVerb({ host, where }, program, patience), { quoted: true });
        if (never) return;
        const state = await valueOrRefusal(() => probeHost(host, where, "shop"));
        if (!(state instanceof Refusal)) assertShown(state);
      },
      { within: 8000 },
    );
  });

  it("before the connection is made are refused in our own words, in time", async () => {
    let answer: Buffer = Buffer.alloc(0);
    const sockets = new Set<Socket>();
    const host = await listen(
      createServer((socket) => {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.write(answer);
        // Some end there, some go on to be connected without a word.
        if (answer.length % 3 > 0) socket.end();
      }),
    );
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    const greetings = fc.oneof(
      bytes,
      anyText.map((each) => Buffer.from(`SSH-2.0-${each}\r\n`)),
      fc
        .tuple(anyText, bytes)
        .map(([text, more]) => Buffer.concat([Buffer.from(`${text}\r\nSSH-2.0-x\r\n`), more])),
      // A disconnect (RFC 4253, 11.1) with words of the server's own.
      anyText.map((each) => Buffer.concat([Buffer.from("SSH-2.0-x\r\n"), disconnect(each.slice(0, 200))])),
    );
    await tryAll(
      "host answers",
      20,
      greetings,
      async (greeting) => {
        answer = greeting;
        const result = await valueOrRefusal(() => runOnHost(host, where, program, { dialTimeout: 100 }));
        assert.ok(result instanceof Refusal);
      },
      { within: 5000 },
    );
  });

  for (const stream of ["stdout", "stderr"] as const) {
    it(`that never end are abandoned before they fill the memory (${stream})`, async () => {
      // Far beyond what a host has to say; as much as a server would send that nobody stops.
      const [most, wanted] = [64 * 2 ** 20, 200 * 2 ** 20];
      let sent = 0;
      const piece = Buffer.alloc(256 * 1024, `${secret}\u001b[31m`);
      const host = await sshd((channel) => {
        const out = stream === "stdout" ? channel : channel.stderr;
        let open = true;
        channel.on("close", () => {
          open = false;
        });
        const more = (): void => {
          if (!open) return;
          if (sent >= wanted) return void channel.end();
          sent += piece.length;
          out.write(piece, () => setImmediate(more));
        };
        more();
      });
      const result = await valueOrRefusal(() => runOnHost(host, where, program, { timeout: 30_000 }));
      assert.ok(sent < most, `took ${Math.round(sent / 2 ** 20)} MB`);
      if (!(result instanceof Refusal)) assert.ok(result.stdout.length + result.stderr.length < most);
    });
  }
});

/** One unencrypted SSH packet (RFC 4253, 6) that disconnects with a text. */
function disconnect(text: string): Buffer {
  const words = Buffer.from(text);
  const uint32 = (value: number) =>
    Buffer.from([value >>> 24, value >>> 16, value >>> 8, value].map((byte) => byte & 255));
  const payload = Buffer.concat([Buffer.from([1]), uint32(2), uint32(words.length), words, uint32(0)]);
  const padding = 8 - ((payload.length + 5) % 8) + 8;
  return Buffer.concat([
    uint32(payload.length + padding + 1),
    Buffer.from([padding]),
    payload,
    Buffer.alloc(padding),
  ]);
}
