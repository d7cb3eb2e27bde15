import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { type Connection, Server, type ServerChannel } from "ssh2";
import { probeHost } from "../../adapters/probe";
import { runOnHost } from "../../adapters/ssh";
import { runVerb } from "../../adapters/verb";
import { type HostHistory, readLedger, renderHistory, rollbackTarget } from "../../cli/ledger";
import { renderStatus, reportOf, statusExit } from "../../cli/status";
import type { Paint } from "../../cli/terminal";
import { judge } from "../../core/host/judge";
import { parseProbe } from "../../core/host/probe";
import { statusOf } from "../../core/host/status";
import type { HostState } from "../../core/host/types";
import type { Host } from "../../core/settings";
import { newKeys } from "../../lab/keys";
import { calm } from "../unit/core/host/states";
import { inABox } from "./support/box";
import { anyText, bytes, damaged, damagedText, json, secret, shortText } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { assertPrintable, placeless, Refusal, valueOrRefusal } from "./support/refusals";

const noPaint: Paint = (_, text) => text;

const folder = "/home/deploy/.everfresh/shop";
/** A container as docker says it there, in JSON. */
const fact = (container: object) =>
  `container ${JSON.stringify({ health: null, name: "/shop-web-1", folder, ...container })}`;

/** What remote/probe.sh prints of a host on which all is well. */
const { current, proved, containers } = calm();
const facts = [
  "everfresh probe 1",
  `folder ${folder}`,
  "release r1",
  `manifest ${JSON.stringify(current)}`,
  ...["deployment d1", "serial 1", "at 2026-03-01T10:00:05Z", "token calm", "lineage l"].map(
    (line) => `proved ${line}`,
  ),
  ...["who ann", "from laptop", "stack prod", "host web1"].map((line) => `proved ${line}`),
  ...proved.map(
    ({ imageId, configHash, state, service }) => `proved runs ${imageId}|${configHash}|${state}|${service}`,
  ),
  "unfinished",
  "unfinished release r2",
  "unfinished since 2026-03-01T11:00:00Z",
  "unfinished who bob",
  "locked",
  "holder release r2",
  "holder since 2026-03-01T11:00:00Z",
  "holder who bob",
  "holder from desk",
  ...containers.map(({ digests: _, ...container }) => fact(container)),
  ...containers.map(
    ({ imageId, digests }) =>
      `image ${JSON.stringify({ id: imageId, digests: digests.map((d) => `r/a@${d}`) })}`,
  ),
  `tampered ${"f".repeat(64)}`,
  "end",
];
const whole = `${facts.join("\n")}\n`;

/** One fact more, or one fact's value replaced, before the end. */
const oneFact = fc
  .tuple(
    fc.nat(facts.length - 2),
    fc.oneof(
      anyText,
      json.map((value) => JSON.stringify(value)),
    ),
    fc.boolean(),
  )
  .map(([i, value, added]) => {
    const [key] = /^\S+( (release|since|who|from|at|token|host|runs|stack))? /.exec(`${facts[i]} `)!;
    const changed = facts.with(i, key + value);
    return `${(added ? [...facts.slice(0, -1), key + value, "end"] : changed).join("\n")}\n`;
  });
/** One JSON fact with something else in it. */
const oneDocument = fc.nat(facts.length - 1).chain((i) => {
  const [, key, document] = /^(\S+) (\{.*)$/.exec(facts[i]!) ?? [];
  if (document === undefined) return fc.constant(whole);
  return damaged(JSON.parse(document)).map(
    (each) => `${facts.with(i, `${key} ${JSON.stringify(each)}`).join("\n")}\n`,
  );
});
const answers = fc.oneof(
  { weight: 4, arbitrary: oneDocument },
  { weight: 3, arbitrary: oneFact },
  { weight: 2, arbitrary: damagedText(whole) },
  { weight: 1, arbitrary: anyText },
);

/** Everything that is made of a host's state can be shown, and says it in lines. */
function assertShown(state: HostState): void {
  for (const known of [{}, { release: "r1", host: "web1" }]) {
    const { token, drift, notes } = judge(state, known);
    for (const text of [...drift, ...notes]) assertPrintable(text);
    assert.equal(typeof token, "string");
    if (token !== state.token) assertPrintable(token);
  }
  JSON.stringify(statusOf(state));
  const report = reportOf(
    [
      { name: "web1", value: state },
      { name: "web2", problems: ["web2: is gone; look at it"] },
    ],
    { contents: { web: "e".repeat(64) } },
    { pinned: "r1" },
  );
  JSON.stringify(report);
  assert.ok([0, 1, 2, 3].includes(statusExit(report, true)));
  for (const line of renderStatus(report, noPaint)) assertPrintable(line);
}

describe("hostile facts of a host", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  it("are shown as what they are, or refused in our own words", () =>
    tryAll("host answers", 600, answers, async (text) => {
      const state = await valueOrRefusal(() => parseProbe(text), { documented: placeless });
      if (!(state instanceof Refusal)) assertShown(state);
    }));

  it("never pass for calm where something else runs", () => {
    const names = fc.constantFrom("__proto__", "constructor", "toString", "web", "", "web|x");
    return tryAll("host answers", 100, fc.tuple(names, json), async ([service, value]) => {
      // A stranger's container, by whatever name and with whatever it says of itself.
      const stranger = {
        ...containers[0],
        id: "5".repeat(64),
        configHash: value,
        service,
        digests: undefined,
      };
      const text = `${[...facts.slice(0, -1).filter((line) => !/^(locked|holder|unfinished|tampered)/.test(line)), fact(stranger), "end"].join("\n")}\n`;
      const state = await valueOrRefusal(() => parseProbe(text), { documented: placeless });
      if (!(state instanceof Refusal)) assert.notEqual(judge(state).token, "calm");
    });
  });

  it("cannot forge each other", () => {
    const forged = ["token forged", "lineage forged", "deployment forged"].map(
      (line) => `\nproved ${line}\n`,
    );
    const value = fc.tuple(fc.constantFrom(...forged), anyText).map(([line, text]) => text + line);
    return tryAll("host answers", 60, value, async (value) => {
      // A name of somebody's making, in the way that docker prints it.
      const container = fact({ ...containers[0], service: value });
      const state = parseProbe(whole.replace("\nend\n", () => `\n${container}\nend\n`));
      assert.deepEqual([state.token, state.lineage, state.deployment], ["calm", "l", "d1"]);
    });
  });
});

describe("hostile ledgers of a host", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  const entry = (release: string, outcome = "deployed") => ({
    deployment: `d-${release}`,
    release,
    at: "2026-03-01T10:00:00Z",
    outcome,
    who: "ann",
    from: "laptop",
    stack: "prod",
    tag: "v1",
    services: { web: { content: "e".repeat(64), digest: `sha256:${"a".repeat(64)}` } },
    seconds: { pull: 1.25, apply: 2 },
    pulled: 1_500_000,
    check: "http",
    service: "web",
  });
  const good = [entry("a"), entry("b"), entry("c", "put back"), entry("a")];
  const ledgers = fc.oneof(
    {
      weight: 3,
      arbitrary: damaged(good).map((all) =>
        [all]
          .flat()
          .map((each) => JSON.stringify(each))
          .join("\n"),
      ),
    },
    { weight: 1, arbitrary: damagedText(good.map((each) => JSON.stringify(each)).join("\n")) },
    {
      weight: 1,
      arbitrary: fc
        .array(json, { maxLength: 5 })
        .map((all) => all.map((each) => JSON.stringify(each)).join("\n")),
    },
  );

  it("are shown as far as they are whole", () =>
    tryAll("host answers", 400, fc.tuple(ledgers, fc.nat(30)), ([text, limit]) => {
      const ledger = readLedger(text);
      const answers = [
        { name: "web1", value: ledger },
        { name: "web2", problems: ["web2: is gone; look at it"] },
      ];
      for (const line of renderHistory(answers, limit, noPaint)) assertPrintable(line);
      JSON.stringify(ledger);
    }));

  it("lead back to a release by its id, or to a refusal in our own words", () =>
    tryAll(
      "host answers",
      300,
      fc.tuple(ledgers, ledgers, anyText, fc.boolean()),
      async ([one, other, asked, asks]) => {
        const history = (text: string): HostHistory => ({
          current: "b",
          ledger: readLedger(text),
          keepReleases: 5,
        });
        const hosts = Object.fromEntries([
          ["web1", history(one)],
          ["__proto__", history(other)],
        ]);
        for (const given of asks ? [asked, "a", "toString"] : [undefined]) {
          const target = await valueOrRefusal(() => rollbackTarget(hosts, given));
          if (target instanceof Refusal) continue;
          // It goes into the configuration, and from there into a path on the host.
          assert.match(target, /^[a-z0-9][a-z0-9-]*$/);
        }
      },
    ));
});

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

  it("are a host's facts, or a refusal in our own words, in time", async () => {
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

  it("before there is a connection are refused in our own words, in time", async () => {
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
    it(`that never end are given up before they fill the memory (${stream})`, async () => {
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
