import { setTimeout as sleep } from "node:timers/promises";
import { newKeys } from "../../../lab/keys";
import type { LabHost } from "../../../lab/lab";
import { type Properties, secret, unknown } from "../../../lab/pulumi/plugin/properties";
import type { Case, World } from "../case";
import type { ProviderPlugin } from "../provider";

const command = "command:remote:Command";

/** A connection to a host of the lab, as everfresh declares it. */
function connection(host: LabHost, changes: Properties = {}): Properties {
  const { address, port, user, hostKey, privateKey } = host;
  return {
    host: address,
    port,
    user,
    hostKey,
    privateKey: secret(privateKey),
    dialErrorLimit: 0,
    perDialTimeout: 10,
    ...changes,
  };
}

const inputs = (world: World, more: Properties = {}, changes: Properties = {}): Properties => ({
  connection: connection(world.lab.hosts[0]!, changes),
  addPreviousOutputInEnv: false,
  ...more,
});

/** The inputs that the engine has after a check. */
async function checked(plugin: ProviderPlugin, news: Properties): Promise<Properties> {
  const answer = await plugin.check(command, news);
  if ("inputs" in answer && answer.inputs) return answer.inputs;
  throw new Error(JSON.stringify(answer));
}

/** What running a command returns and shows. */
async function run(plugin: ProviderPlugin, news: Properties): Promise<object> {
  const outcome = await plugin.create(command, await checked(plugin, news));
  const shown = plugin.logs();
  if ("error" in outcome) return { ...outcome, shown };
  const { id, properties } = outcome;
  return {
    id: id.replace(/[0-9a-f]{8}$/, "<8 hex digits>"),
    stdout: properties.stdout!,
    stderr: properties.stderr!,
    shown,
  };
}

export const commandCases: Case<ProviderPlugin>[] = [
  {
    name: "says what it takes",
    ask: async (plugin) => plugin.capabilities,
  },
  {
    name: "fills in the defaults of a connection, and hides all of it",
    ask: async (plugin) => {
      const minimal = { host: "web1.example.com", hostKey: "ssh-ed25519 AAAA" };
      return [
        await plugin.check(command, { connection: minimal, addPreviousOutputInEnv: false }),
        await plugin.check(command, {
          connection: { ...minimal, privateKey: "one", proxy: { ...minimal, privateKey: secret("two") } },
          create: "true",
          addPreviousOutputInEnv: false,
        }),
        await plugin.check(command, {
          connection: secret({ ...minimal, privateKey: secret("one"), port: 2222, dialErrorLimit: 3 }),
          addPreviousOutputInEnv: false,
        }),
      ];
    },
  },
  {
    name: "takes what is secret or not known yet",
    ask: async (plugin, world) => [
      await plugin.check(
        command,
        inputs(world, {
          stdin: secret("word"),
          create: "cat",
          logging: "stderr",
          triggers: [{ release: "1" }],
        }),
      ),
      await plugin.check(
        command,
        inputs(world, { stdin: unknown, triggers: [{ release: unknown, host: "x" }] }),
      ),
      await plugin.check(command, inputs(world, { triggers: unknown, delete: "true", update: "true" })),
      await plugin.check(command, { ...inputs(world), connection: unknown }),
      await plugin.check(command, inputs(world, {}, { privateKey: unknown })),
    ],
  },
  {
    name: "sees what differs, and replaces for triggers that come or go",
    ask: async (plugin, world) => {
      const given = inputs(world, {
        create: "a",
        update: "b",
        stdin: secret("one"),
        triggers: [{ release: "1", host: "x" }],
      });
      const olds = await checked(plugin, given);
      const diff = async (changes: Properties) =>
        plugin.diff(command, olds, await checked(plugin, { ...given, ...changes }));
      const { triggers, ...without } = given;
      return [
        await diff({}),
        await diff({ stdin: "one" }),
        await diff({ stdin: secret("two") }),
        await diff({ create: "c" }),
        await diff({ update: "c", delete: "d" }),
        await diff({ triggers: [{ release: "2", host: "x" }] }),
        await diff({ triggers: [{ release: "1", host: "x" }, "more"] }),
        await diff({ triggers: [{ release: "1" }] }),
        await diff({ triggers: [] }),
        await diff({ triggers: [{ release: unknown, host: "x" }] }),
        await diff({ triggers: unknown }),
        await diff({ stdin: unknown }),
        await diff({ stdin: secret(unknown) }),
        await diff({ logging: "stderr" }),
        await diff({ connection: connection(world.lab.hosts[0]!, { port: 1 }) }),
        await diff({ connection: connection(world.lab.hosts[0]!, { privateKey: secret("another") }) }),
        await diff({
          connection: connection(world.lab.hosts[0]!, { proxy: connection(world.lab.hosts[0]!) }),
        }),
        await plugin.diff(command, olds, await checked(plugin, without)),
        await plugin.diff(command, await checked(plugin, without), olds),
      ];
    },
  },
  {
    name: "knows no output of a command in preview",
    ask: async (plugin, world) => {
      const news = await checked(plugin, inputs(world, { create: "true", stdin: unknown, triggers: ["1"] }));
      const old = { ...news, stdin: "", stdout: "said", stderr: "warned" };
      return [
        await plugin.create(command, news, { preview: true }),
        await plugin.update(command, "id", old, { ...news, stdin: "" }, news, { preview: true }),
        await plugin.update(command, "id", old, news, { ...news, create: "false" }, { preview: true }),
        await plugin.update(command, "id", old, news, { ...news, triggers: ["2"] }, { preview: true }),
      ];
    },
  },
  {
    name: "runs a command with its stdin, and gives what it prints",
    ask: async (plugin, world) => [
      await run(
        plugin,
        inputs(world, { create: "cat; echo warned >&2", stdin: secret("über\n\n"), logging: "stderr" }),
      ),
      await run(plugin, inputs(world, { create: "printf 'no end'", logging: "stdoutAndStderr" })),
      await run(
        plugin,
        inputs(world, { create: "printf 'a\\nb\\n\\n'; true </dev/null", stdin: "unread", logging: "none" }),
      ),
      await run(plugin, inputs(world, { create: "true" })),
      await run(plugin, inputs(world)),
    ],
  },
  {
    name: "shows lines as they come, of the streams that are asked for",
    ask: async (plugin, world) => [
      await run(
        plugin,
        inputs(world, { create: "printf 'a\\n\\n b \\r\\nc\\r'; exec >&-", logging: "stdout" }),
      ),
      await run(plugin, inputs(world, { create: "printf 'd\\ne' >&2; echo hidden", logging: "stderr" })),
      await run(plugin, inputs(world, { create: "echo f", logging: "none" })),
      await run(plugin, inputs(world, { create: "echo g" })),
    ],
  },
  {
    name: "fails with the command's status, its text and its output",
    ask: async (plugin, world) => [
      await run(
        plugin,
        inputs(world, { create: 'echo out; sleep 0.1; echo "it\'s" wrong >&2; exit 3', logging: "stderr" }),
      ),
      await run(plugin, inputs(world, { create: "kill -TERM $$", logging: "none" })),
      await run(plugin, inputs(world, { create: "kill -KILL $$", logging: "none" })),
      await run(plugin, inputs(world, { create: "no-such-command 2>/dev/null", logging: "none" })),
      await run(
        plugin,
        inputs(world, { create: "exit 1", stdin: secret("x".repeat(3_000_000)), logging: "none" }),
      ),
    ],
  },
  {
    name: "runs `update` for a change, and `create` where there is none",
    ask: async (plugin, world) => {
      const news = async (more: Properties) => checked(plugin, inputs(world, { logging: "none", ...more }));
      const old = { ...(await news({ create: "true" })), stdout: "before", stderr: "then" };
      const outputs = async (more: Properties) => {
        const outcome = await plugin.update(
          command,
          "id",
          old,
          await news({ create: "true" }),
          await news(more),
        );
        if ("error" in outcome) return outcome;
        const { stdout, stderr } = outcome.properties;
        return { stdout, stderr };
      };
      return [
        await outputs({ create: "echo create", update: "echo update" }),
        await outputs({ create: "echo create" }),
        await outputs({}),
        await outputs({ create: "true", update: "exit 4" }),
      ];
    },
  },
  {
    name: "runs `delete`, and is content without one",
    ask: async (plugin, world) => {
      const state = async (more: Properties) => ({
        ...(await checked(plugin, inputs(world, { logging: "stdout", ...more }))),
        stdout: "",
        stderr: "",
      });
      return [
        await plugin.delete(command, "id", await state({ delete: "cat", stdin: secret("bye") })),
        plugin.logs(),
        await plugin.delete(command, "id", await state({ delete: "echo no; exit 5" })),
        await plugin.delete(command, "id", await state({ create: "true" })),
      ];
    },
  },
  {
    name: "reads nothing: the state is as it was",
    ask: async (plugin, world) => {
      const news = await checked(plugin, inputs(world, { create: "true" }));
      return plugin.read(command, "id", { ...news, stdout: "a", stderr: "b" }, news);
    },
  },
  {
    name: "refuses a host that proves itself with another key, and a login that the host refuses",
    ask: async (plugin, world) => {
      const other = newKeys();
      const key = other.public.split(" ").slice(0, 2).join(" ");
      return [
        await run(plugin, inputs(world, { create: "true" }, { hostKey: key })),
        await run(plugin, inputs(world, { create: "true" }, { privateKey: secret(other.private) })),
        await run(plugin, inputs(world, { create: "true" }, { user: "nobody" })),
      ];
    },
  },
  {
    name: "refuses keys that are none, without another attempt",
    ask: async (plugin, world) => [
      await run(
        plugin,
        inputs(world, { create: "true" }, { hostKey: "ssh-ed25519 nonsense", dialErrorLimit: 2 }),
      ),
      await run(plugin, inputs(world, { create: "true" }, { hostKey: "", dialErrorLimit: 2 })),
      await run(
        plugin,
        inputs(world, { create: "true" }, { privateKey: secret("nonsense"), dialErrorLimit: 2 }),
      ),
    ],
  },
  {
    name: "tries again as often as it may where nobody answers",
    ask: async (plugin, world) => [
      await run(plugin, inputs(world, { create: "true" }, { port: 1, hostKey: world.lab.hosts[0]!.hostKey })),
      await run(plugin, inputs(world, { create: "true" }, { port: 1, dialErrorLimit: 2 })),
    ],
  },
  {
    name: "reaches a host through a proxy, whose key it checks too",
    ask: async (plugin, world) => {
      const proxy = world.lab.hosts[0]!;
      const behind = { host: "127.0.0.1", port: 22, proxy: connection(proxy) };
      const stranger = newKeys().public.split(" ").slice(0, 2).join(" ");
      return [
        await run(plugin, inputs(world, { create: "echo behind", logging: "none" }, behind)),
        await run(plugin, inputs(world, { create: "true" }, { ...behind, port: 1 })),
        await run(
          plugin,
          inputs(world, { create: "true" }, { ...behind, proxy: connection(proxy, { hostKey: stranger }) }),
        ),
      ];
    },
  },
  {
    name: "lets a command that runs end when it is told to stop",
    ask: async (plugin, world) => {
      const running = run(plugin, inputs(world, { create: "sleep 1; echo done", logging: "none" }));
      await sleep(500);
      await plugin.cancel();
      return running;
    },
  },
];
