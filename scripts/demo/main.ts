import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { engine } from "../../lab/faults";
import { down, type Lab, type LabHost, up } from "../../lab/lab";
import { eventually } from "../../lab/poll";
import { pulumiInUse } from "../../lab/pulumi/in-use";
import { DemoStack } from "./stack";

const checkout = path.join(__dirname, "..", "..");
const folder = path.join(checkout, ".everfresh", "demo");
const shop = path.join(folder, "shop");
const line = path.join(shop, "web", "src", "greeting.js");
const greetings = { before: "Welcome!", after: "Welcome back, the bread is fresh!" };

async function demo(): Promise<void> {
  await remove();

  step("A registry and a production host, each a container; the host has its own Docker engine and sshd");
  const lab = await up({ name: "demo", hosts: 1 });
  const host = lab.hosts[0]!;
  console.log(`registry  ${lab.registry.address}\nhost1     ${host.user}@${host.address}:${host.port}`);

  step("A stack with its state in a local folder, and the configuration that `pulumi up` needs");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await cp(path.join(checkout, "examples", "shop"), shop, { recursive: true });
  const stack = await DemoStack.create(checkout, folder);
  await configure(stack, lab);

  step("The first `pulumi up`: builds and pushes four images, deploys them, proves what runs");
  await stack.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs");
  await showPage(host, greetings.before);
  const before = await containers(host);

  step("One line of `web` is changed");
  await writeFile(line, (await readFile(line, "utf8")).replace(greetings.before, greetings.after));
  console.log(`web/src/greeting.js\n- ${greetings.before}\n+ ${greetings.after}`);

  step("A preview of what that changes");
  await stack.pulumi("preview", "--suppress-outputs");

  step("The second `pulumi up`");
  await stack.pulumi("up", "--yes", "--skip-preview", "--suppress-outputs");
  await showPage(host, greetings.after);
  showReplaced(before, await containers(host));

  howToGoOn(host);
}

async function configure(stack: DemoStack, { registry, hosts }: Lab): Promise<void> {
  const [host] = hosts as [LabHost];
  await stack.configure({
    composeFile: path.relative(checkout, path.join(shop, "compose.yaml")),
    "registry.address": registry.address,
    "registry.pullAddress": registry.pullAddress,
    "registry.username": registry.username,
    "registry.insecure": "true",
    "hosts[0].name": host.name,
    "hosts[0].address": host.address,
    "hosts[0].port": `${host.port}`,
    "hosts[0].user": host.user,
    "hosts[0].hostKey": host.hostKey,
  });
  await stack.configureSecret("registry.password", registry.password);
  await stack.configureSecret("hosts[0].privateKey", host.privateKey);
}

/** Fetches the page as a browser would, and checks that it is the expected one. */
async function showPage(host: LabHost, greeting: string): Promise<void> {
  const url = host.url(8080);
  // The proxy asks every second where `web` is now.
  const page = await eventually(
    `${url}: the page saying "${greeting}"`,
    async () => {
      const text = await (await fetch(url, { headers: { connection: "close" } })).text();
      if (!text.includes(greeting)) throw new Error(`it says: ${text.trim()}`);
      return text;
    },
    15_000,
  );
  console.log(`\n$ curl ${url}\n${page.trim()}`);
}

/** The id of each service's container. */
async function containers(host: LabHost): Promise<Map<string, string>> {
  const format = '{{.Label "com.docker.compose.service"}} {{.ID}}';
  const lines = (await engine(host, "ps", "--format", format)).split("\n").sort();
  return new Map(lines.map((text) => text.split(" ") as [string, string]));
}

function showReplaced(before: Map<string, string>, after: Map<string, string>): void {
  console.log("\nservice  container before  container now");
  const replaced = [...before.keys()].filter((service) => before.get(service) !== after.get(service));
  for (const [service, id] of before) {
    const verdict = replaced.includes(service) ? "replaced" : "untouched";
    console.log(
      `${service.padEnd(7)}  ${id.padEnd(16)}  ${(after.get(service) ?? "none").padEnd(13)}  ${verdict}`,
    );
  }
  if (replaced.join() !== "web")
    throw new Error(`demo: replaced ${replaced.join(", ") || "nothing"}, but should have replaced only web`);
}

function howToGoOn(host: LabHost): void {
  const relative = (file: string) => path.relative(checkout, file);
  step("What to try next");
  console.log(`The shop is at ${host.url(8080)}. Its source, for you to edit, is in ${relative(shop)}.

  . ./${relative(path.join(folder, "env"))}                       makes this shell use the demo's stack
  pulumi up                                     after any change you make
  pulumi preview --expect-no-changes            is the host still as the stack left it?
  docker exec -it ${host.container} sh
                                                a shell on the host; try \`docker rm -f\`, then preview
  npm run demo -- down                          removes all of it

done (Pulumi: ${pulumiInUse()})`);
}

/** Removes everything that a demo made, whether it finished or not. */
async function remove(): Promise<void> {
  await down("demo");
  await rm(folder, { recursive: true, force: true });
  await rm(path.join(checkout, ".everfresh", "build", "demo"), { recursive: true, force: true });
}

let steps = 0;
function step(title: string): void {
  steps += 1;
  console.log(`\n== ${steps}. ${title}\n`);
}

const [verb, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (verb !== undefined && verb !== "down")) {
  console.error(`demo: unknown arguments: ${process.argv.slice(2).join(" ")}; it takes \`down\` or nothing`);
  process.exitCode = 2;
} else {
  (verb === "down" ? remove() : demo()).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
