import { execFile, spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { engine, exec } from "../../../lab/faults";
import type { LabHost } from "../../../lab/lab";
import { eventually } from "../../../lab/poll";
import { traefikImage } from "../../../lab/traefik";

const run = promisify(execFile);

export const examples = ["haproxy", "nginx", "caddy", "traefik"] as const;
export type Example = (typeof examples)[number];

export interface SiteContainer {
  id: string;
  health: string;
}

/** An example of a service behind a proxy, on a lab host. */
export class Site {
  constructor(
    readonly example: Example,
    readonly host: LabHost,
    readonly url: string,
  ) {}

  /** Runs `docker compose …` in the project's folder, as the user who deploys; `version` is that of `web`. */
  compose(version: string, ...words: string[]): Promise<string> {
    const command = `cd ~/${this.example} && VERSION=${version} exec docker compose "$@"`;
    return exec(this.host, ["sh", "-c", command, "sh", ...words], { user: "deploy" });
  }

  /** The running containers of `web`, oldest first. */
  async containers(): Promise<SiteContainer[]> {
    const filters = [`project=${this.example}`, "service=web"].map(
      (label) => `--filter=label=com.docker.compose.${label}`,
    );
    const listed = await engine(this.host, "ps", "--quiet", "--no-trunc", ...filters);
    const ids = listed.split("\n").filter(Boolean).reverse();
    if (ids.length === 0) return [];
    const format = "{{.Id}} {{if .State.Health}}{{.State.Health.Status}}{{end}}";
    return (await engine(this.host, "inspect", "--format", format, ...ids)).split("\n").map((line) => {
      const [id = "", health = ""] = line.split(" ");
      return { id, health };
    });
  }

  /** What the proxy answers to one request on a connection of its own; undefined if that fails. */
  async served(): Promise<string | undefined> {
    const { stdout } = await run("curl", ["-sf", "-m", "2", this.url]).catch(() => ({ stdout: "" }));
    return stdout.trim() || undefined;
  }
}

/**
 * Brings an example up on a host, in place of any other one there, and returns when its proxy answers.
 *
 * @param versions - of `web`, that can be rolled out; the first one is up at the start.
 */
export async function bringUp(host: LabHost, example: Example, versions: string[]): Promise<Site> {
  const folder = await mkdtemp(path.join(tmpdir(), "everfresh-rollout-"));
  try {
    await cp(path.join(__dirname, "../../../examples", example), folder, { recursive: true });
    const file = path.join(folder, "compose.yaml");
    const project = parse(await readFile(file, "utf8"));
    const { proxy, web: service } = project.services;
    const images = [];
    if (proxy.build) {
      proxy.image = `${example}-proxy:rollout`;
      await run("docker", ["build", "-q", "-t", proxy.image, path.join(folder, proxy.build)]);
      images.push(proxy.image);
    } else {
      await provideImages(host, example);
    }
    for (const version of versions) {
      await writeFile(path.join(folder, "web/version"), `${version}\n`);
      const image = `${example}-web:rollout-${version}`;
      await run("docker", ["build", "-q", "-t", image, path.join(folder, "web")]);
      images.push(image);
    }
    await load(host, images);

    for (const built of [proxy, service]) delete built.build;
    service.image = `${example}-web:rollout-$VERSION`;
    await writeFile(file, stringify(project));

    const site = new Site(example, host, host.url(8080));
    for (const other of examples) {
      const remove = `cd ~/${other} 2>/dev/null || exit 0; VERSION=x docker compose down -t 0 2>&1; rm -rf ~/${other}`;
      await exec(host, ["sh", "-c", remove], { user: "deploy" });
    }
    await sendFolder(folder, host, example);
    await site.compose(versions[0]!, "up", "-d", "--wait", "--quiet-pull");
    await eventually(`${example}: its proxy`, async () => (await site.served()) === versions[0]);
    return site;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Brings the images to the host that an example does not build and that no registry of the lab has. */
export async function provideImages(host: LabHost, example: Example): Promise<void> {
  if (example !== "traefik") return;
  const image = await traefikImage();
  await load(host, [image]);
  await engine(host, "tag", image, "traefik:v3.7.13");
}

/** Sends images of this machine to the host's engine, unless it has them. */
async function load(host: LabHost, images: string[]): Promise<void> {
  const idsOf = (printed: string) => printed.split("\n").filter(Boolean).join();
  const format = ["image", "inspect", "--format={{.Id}}", ...images];
  const here = idsOf((await run("docker", format)).stdout);
  const there = await engine(host, ...format).then(idsOf, () => "");
  if (here !== there) await pipe(["docker", "save", ...images], ["docker", "load", "--quiet"], host);
}

async function sendFolder(folder: string, host: LabHost, name: string): Promise<void> {
  const unpack = `mkdir ~/${name} && tar -xf - -C ~/${name}`;
  await pipe(
    ["tar", "-cf", "-", "--owner=0", "--group=0", "--mode=a+rX", "-C", folder, "."],
    ["sh", "-c", unpack],
    host,
  );
}

/** Pipes a command of this machine into one on the host, as the user who deploys. */
async function pipe(from: string[], to: string[], host: LabHost): Promise<void> {
  const target = ["docker", "exec", "--interactive", "--user=deploy", host.container, ...to];
  const source = spawn(from[0]!, from.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  const sink = spawn(target[0]!, target.slice(1), { stdio: ["pipe", "ignore", "inherit"] });
  source.stdout.pipe(sink.stdin);
  const ended = (child: typeof source | typeof sink, what: string[]) =>
    new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) =>
        status === 0 ? resolve() : reject(new Error(`${what.slice(0, 2).join(" ")}: status ${status}`)),
      );
    });
  await Promise.all([ended(source, from), ended(sink, target)]);
}
