import { Command, Option } from "commander";
import { defaultEngine, type EngineName, engines, parseEngine, type Store, stores } from "./engines";
import { hasLabImage, labImage } from "./image";
import { down, list, read, up } from "./lab";
import { folderOf } from "./state";

const program = new Command("lab").description("A registry and production hosts as containers.");

program
  .command("up")
  .description("bring a lab up, or show where it is")
  .argument("[name]", "the lab's name", "default")
  .option("--hosts <count>", "how many hosts", Number, 1)
  .addOption(
    new Option("--engine <engine>", "the hosts' Docker engine")
      .choices(Object.keys(engines))
      .default(defaultEngine.engine),
  )
  .addOption(
    new Option("--store <store>", "the hosts' image store").choices(stores).default(defaultEngine.store),
  )
  .action(async (name: string, options: { hosts: number; engine: EngineName; store: Store }) => {
    await up({ name, ...options });
    await show(name);
  });

program
  .command("down")
  .description("remove a lab and all that belongs to it")
  .argument("[name]", "the lab's name", "default")
  .option("--all", "all of this checkout, including those left by crashed test runs")
  .action(async (name: string, { all }: { all?: boolean }) => {
    for (const each of all ? await list() : [name]) await down(each);
  });

program
  .command("list")
  .description("show the labs of this checkout")
  .argument("[name]", "only this one")
  .action(async (name?: string) => {
    for (const each of name ? [name] : await list()) await show(each);
  });

program
  .command("images")
  .description("build the images of the hosts, unless they exist")
  .argument("[engines...]", `some of ${Object.keys(engines).join(", ")}; default all`)
  .option("--missing", "only list the engines whose images are missing")
  .action(async (asked: string[], { missing }: { missing?: boolean }) => {
    const names = asked.map((name) => parseEngine(name, "lab images").engine);
    for (const engine of names.length > 0 ? names : (Object.keys(engines) as EngineName[])) {
      if (!missing) await labImage(engine);
      else if (!(await hasLabImage(engine))) console.log(engine);
    }
  });

async function show(name: string): Promise<void> {
  const lab = await read(name);
  if (!lab) return console.log(`${name}: incomplete; remove it with \`down ${name}\``);
  console.log(`${name}: registry ${lab.registry.address} (the hosts call it ${lab.registry.pullAddress})`);
  console.log(`${name}: engine ${lab.engine} (${engines[lab.engine].what}), ${lab.store} image store`);
  for (const host of lab.hosts)
    console.log(
      `${name}: ${host.name} ssh -F ${folderOf(name)}/ssh_config ${host.name}; :8080 is ${host.url(8080)}`,
    );
}

program.parseAsync().catch((error: Error) => {
  console.error(`lab: ${error.message}`);
  process.exitCode = 1;
});
