import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { eventually } from "../../../lab/poll";
import type { Case, World } from "../case";
import type { LanguageHost, Program } from "../language-host";

/** Replaces the SDK: records how it was started, then does what its program's name says. */
const runner = `
const { writeFileSync } = require("node:fs");
const names = ["PULUMI_CONFIG", "PULUMI_CONFIG_SECRET_KEYS", "PULUMI_NODEJS_TYPESCRIPT", "PULUMI_NODEJS_TSCONFIG_PATH"];
const env = Object.fromEntries(names.map((name) => [name, process.env[name]]));
process.on("SIGINT", () => {
  writeFileSync("interrupted", "");
  process.exit(7);
});
writeFileSync("ran.json", JSON.stringify({ argv: process.argv.slice(2), execArgv: process.execArgv, env }));
const todo = process.argv.at(-1);
if (todo === "wait") setInterval(() => {}, 1000);
else if (todo === "killed") process.kill(process.pid, "SIGKILL");
else process.exit(Number(todo) || 0);
`;

async function programFolder({ folder }: World): Promise<string> {
  const sdk = path.join(folder, "node_modules/@pulumi/pulumi");
  await mkdir(path.join(sdk, "cmd/run"), { recursive: true });
  await writeFile(path.join(sdk, "package.json"), '{"name":"@pulumi/pulumi","version":"3.0.0","pulumi":{}}');
  await writeFile(path.join(sdk, "cmd/run/index.js"), runner);
  return folder;
}

/** How a program was started and how it ended. */
async function run(host: LanguageHost, world: World, program: Partial<Program>): Promise<object> {
  const folder = await programFolder(world);
  await rm(path.join(folder, "ran.json"), { force: true });
  const ended = await host.run({ folder, ...program });
  const ran = await readFile(path.join(folder, "ran.json"), "utf8").catch(() => "null");
  return { ended, ran: withoutChannels(JSON.parse(ran)) };
}

/** The official host is a proxy between the program and the engine's monitor, with a second way for old SDKs. */
function withoutChannels(ran: { argv: string[]; env: Record<string, string> } | null): unknown {
  if (!ran) return ran;
  const { argv, env } = ran;
  const channels = ["--monitor", "--engine", "--sync"];
  return {
    ...ran,
    argv: argv.filter((word, at) => !channels.includes(word) && !channels.includes(argv[at - 1]!)),
    env: { ...env, PULUMI_CONFIG: JSON.parse(env.PULUMI_CONFIG!) },
  };
}

export const languageHostCases: Case<LanguageHost>[] = [
  { name: "is of the SDK's version", ask: (host) => host.version() },
  {
    name: "finds the plugins that the program's packages need",
    async ask(host, world) {
      const folder = await programFolder(world);
      const before = await host.requiredPlugins(folder);
      for (const [name, manifest] of [
        ["@pulumi/docker", { version: "5.2.0", pulumi: { resource: true, name: "docker" } }],
        [
          "@pulumi/random",
          { version: "4.21.1", pulumi: { resource: true, name: "random", version: "4.21.2" } },
        ],
        ["own", { version: "v1.0.0", pulumi: { resource: true, name: "own" } }],
        ["none", { version: "1.0.0", pulumi: { resource: false } }],
        ["yaml", { version: "2.0.0" }],
      ] as [string, object][]) {
        await mkdir(path.join(folder, "node_modules", name), { recursive: true });
        await writeFile(
          path.join(folder, "node_modules", name, "package.json"),
          JSON.stringify({ name, ...manifest }),
        );
      }
      return [before, (await host.requiredPlugins(folder)).sort()];
    },
  },
  {
    name: "starts a program with its configuration, arguments and options",
    ask: async (host, world) => [
      await run(host, world, {}),
      await run(host, world, {
        entry: "main.js",
        preview: true,
        args: ["a b", "0"],
        config: { "everfresh:tag": "ü", "everfresh:registry": '{"address":"a"}', "docker:host": "x" },
        secretKeys: ["everfresh:registry"],
        options: { typescript: false, nodeargs: " --no-warnings  --stack-size=900 " },
      }),
      await run(host, world, { options: { typescript: true, tsconfig: "other.json" } }),
    ],
  },
  {
    name: "tells how a program ended, unless it has said so itself",
    ask: async (host, world) => [
      await run(host, world, { args: ["1"] }),
      await run(host, world, { args: ["32"] }),
      await run(host, world, { args: ["killed"] }),
    ],
  },
  {
    name: "asks for the SDK where there is none",
    ask: async (host, { folder }) => host.run({ folder }),
  },
  {
    name: "interrupts the program when it is told to stop",
    async ask(host, world) {
      const running = run(host, world, { args: ["wait"] });
      await eventually("a program", () => readFile(path.join(world.folder, "ran.json")));
      await host.cancel();
      const { ended } = (await running) as { ended: object };
      return [ended, (await readFile(path.join(world.folder, "interrupted"))).length];
    },
  },
];
