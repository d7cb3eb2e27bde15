import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { outside } from "../../../adapters/outside";
import { type Judgement, judge } from "../../../core/host/judge";
import { parseProbe } from "../../../core/host/probe";
import { type HostProject, probeProgram } from "../../../core/host/requests";
import type { Check, DeployResult, HostState, ReleaseService } from "../../../core/host/types";
import { mapValues } from "../../../core/records";
import { engine, exec } from "../../../lab/faults";
import type { Lab, LabHost } from "../../../lab/lab";
import { layersOf } from "../../../preflight/layers";
import { soonHealthy } from "../../support/health";
import {
  deploymentProgram,
  type WrittenRelease,
  type WrittenRequest,
  type WrittenService,
} from "../../support/written-release";
import { type Run, runOn } from "./ssh";

const run = promisify(execFile);

/** Images by the page they serve, as the hosts name them (`registry:5000/…@sha256:…`). */
export type Images = Record<string, string>;

/** Builds and pushes one image per page, with a layer of so many random megabytes. */
export async function pushImages(lab: Lab, pages: string[], megabytes = 0): Promise<Images> {
  const config = await mkdtemp(join(tmpdir(), "everfresh-test-"));
  try {
    const auth = Buffer.from(`${lab.registry.username}:${lab.registry.password}`).toString("base64");
    await writeFile(
      join(config, "config.json"),
      JSON.stringify({ auths: { [lab.registry.address]: { auth } } }),
    );
    const images: Images = {};
    for (const page of pages) {
      const tag = `${lab.registry.address}/host-test:${page}`;
      await run("docker", [
        "build",
        "-q",
        "--build-arg",
        `PAGE=${page}`,
        "--build-arg",
        `MEGABYTES=${megabytes}`,
        "-t",
        tag,
        join(__dirname, "images"),
      ]);
      const { stdout } = await run("docker", ["--config", config, "push", tag]);
      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(stdout)?.[1];
      if (!digest) throw new Error(`no digest in what docker push said: ${stdout}`);
      // The engine stumbles where another run removes the same image under its own tag; the lab's end removes what stays.
      await run("docker", ["image", "rm", tag]).catch(() => {});
      images[page] = `${lab.registry.pullAddress}/host-test@${digest}`;
    }
    return images;
  } finally {
    await rm(config, { recursive: true });
  }
}

export interface ShopOptions {
  project?: string;
  /** The page of `web`, one of the images'. */
  page: string;
  /** The bytes of the file that `web` mounts. */
  conf?: string;
  /** `web` never gets healthy. */
  sick?: boolean;
  /** How many failed checks make it unhealthy; default 3. */
  retries?: number;
  /** Published port of `web`. */
  port?: number;
  verify?: Check[];
  /** What a one-shot prints that `web` waits for; without it there is none. */
  migration?: string;
}

/** A project of two services: `web` serves a page and a mounted file, `api` only runs. */
export function shop(images: Images, id: string, options: ShopOptions): WrittenRelease {
  const {
    project = "shop",
    page,
    conf = "plain",
    sick = false,
    port = 8080,
    verify = [],
    retries = 3,
    migration,
  } = options;
  const web = images[page]!;
  const api = images.api!;
  const fingerprint = sha256(conf);
  const healthcheck = {
    test: ["CMD", "wget", "-q", "-O", "/dev/null", `http://127.0.0.1/${sick ? "nothing-here" : ""}`],
    timeout: "2s",
    ...(sick ? { interval: "500ms", retries } : soonHealthy),
  };
  return {
    id,
    project,
    tag: `tag-${id}`,
    compose: `services:
  web:
    image: ${web}
    init: true
    restart: unless-stopped
    ports: [{target: 80, published: "${port}", protocol: tcp, mode: ingress}]
    volumes: [{type: bind, source: ./store/${fingerprint}/site.conf, target: /www/conf, read_only: true}]
    healthcheck: ${JSON.stringify(healthcheck)}
${migration === undefined ? "" : `    depends_on: {migration: {condition: service_completed_successfully}}\n`}  api:
    image: ${api}
    init: true
    restart: unless-stopped
    command: [sh, -c, "echo api started; exec sleep 100000"]
${migration === undefined ? "" : `  migration: {image: ${api}, restart: "no", command: [sh, -c, "echo ${migration}"]}\n`}`,
    files: [
      {
        fingerprint,
        path: "web/site.conf",
        entries: [{ type: "file", path: "site.conf", executable: false, bytes: Buffer.from(conf) }],
      },
    ],
    services: [
      ...(migration === undefined ? [] : [built("migration", api, "api")]),
      { ...built("web", web, page), files: [fingerprint], verify },
      built("api", api, "api"),
    ],
  };
}

/** A service of one container, whose image was built from such a content. */
const built = (name: string, image: string, content: string): WrittenService => ({
  name,
  image,
  content: sha256(content),
  digest: digestOf(image),
  replicas: 1,
  files: [],
  verify: [],
});

type DependsOn = Record<string, { restart?: boolean }>;

/** A service of the compose file, and what everfresh is told of it. */
type DescribedService = Pick<ReleaseService, "image" | "rollout" | "before" | "after" | "reload"> & {
  scale?: number;
  [key: string]: unknown;
};

/** A release of any compose project, whose services' images are pages of `images`, or names of their own. */
export function releaseOf(
  images: Images,
  id: string,
  document: {
    services: Record<string, DescribedService>;
    [key: string]: unknown;
  },
): WrittenRelease {
  const services = mapValues(document.services, ({ rollout, before, after, reload, ...service }) => ({
    ...service,
    image: images[service.image] ?? service.image,
  }));
  return {
    id,
    project: "shop",
    tag: `tag-${id}`,
    compose: stringify({ ...document, services }),
    files: [],
    services: Object.entries(services).map(([name, { image, scale }]) => ({
      name,
      ...optionsOf(document.services[name]!),
      restarts: Object.entries(document.services)
        .filter(([, other]) => (other.depends_on as DependsOn | undefined)?.[name]?.restart)
        .map(([other]) => other),
      image,
      ...(image.includes("@") ? { content: sha256(image), digest: digestOf(image) } : {}),
      replicas: scale ?? 1,
      files: [],
      verify: [],
    })),
  };
}

const optionsOf = ({ rollout, before, after, reload }: DescribedService) => ({
  ...(rollout ? { rollout } : {}),
  ...(before ? { before } : {}),
  ...(after ? { after } : {}),
  ...(reload ? { reload } : {}),
});

/** The release with what the registry says of its images' layers. */
export async function measured(lab: Lab, release: WrittenRelease): Promise<WrittenRelease> {
  const settings = { registry: { ...lab.registry, insecure: true } };
  const services = release.services.map(async (service) => ({
    ...service,
    layers: await layersOf(service.image, undefined, settings, outside),
  }));
  return { ...release, services: await Promise.all(services) };
}

const digestOf = (image: string) => image.slice(image.indexOf("@") + 1);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** A deployer: one lab's registry, one stack. */
export function requestFor(
  lab: Lab,
  release: WrittenRequest["release"],
  overrides: Partial<WrittenRequest> = {},
): WrittenRequest {
  const { pullAddress: address, username, password } = lab.registry;
  return {
    release,
    token: "first",
    lineage: "lineage-of-the-tests",
    host: "host1",
    who: "tester",
    from: "test-machine",
    stack: "prod",
    registry: { address, username, password },
    keepReleases: 3,
    lockWait: 60,
    healthTimeout: 20,
    settle: 0,
    ...overrides,
  };
}

export async function deploy(
  host: LabHost,
  request: WrittenRequest,
): Promise<Run & { result?: DeployResult }> {
  const ran = await runOn(host, deploymentProgram(request));
  return ran.stdout === "" ? ran : { ...ran, result: JSON.parse(ran.stdout) as DeployResult };
}

/** What a preview would know of the host. */
export async function look(
  host: LabHost,
  project: HostProject = { project: "shop" },
): Promise<HostState & Judgement> {
  const { stdout, stderr } = await runOn(host, probeProgram(project));
  if (stderr !== "") throw new Error(`the probe said: ${stderr}`);
  const state = parseProbe(stdout);
  return { ...state, ...judge(state) };
}

/** Runs a command in the first container of a service. */
export async function inService(host: LabHost, service: string, ...command: string[]): Promise<string> {
  const filter = `label=com.docker.compose.service=${service}`;
  const [id] = (await engine(host, "ps", "-q", "--filter", filter)).split("\n");
  return engine(host, "exec", id!, ...command);
}

export interface HostContainer {
  id: string;
  service: string;
  /** compose's hash of its configuration. */
  hash: string;
  startedAt: string;
  state: string;
}

/** The containers of project `shop`, those that do not run too. */
export async function containersOf(host: LabHost): Promise<HostContainer[]> {
  const filter = "label=com.docker.compose.project=shop";
  const ids = (await engine(host, "ps", "-a", "-q", "--filter", filter)).split("\n").filter(Boolean);
  if (ids.length === 0) return [];
  const label = (name: string) => `{{index .Config.Labels "com.docker.compose.${name}"}}`;
  const format = `${label("service")} ${label("config-hash")} {{.Id}} {{.State.StartedAt}} {{.State.Status}}`;
  return (await engine(host, "inspect", "--format", format, ...ids)).split("\n").map((line) => {
    const [service = "", hash = "", id = "", startedAt = "", state = ""] = line.split(" ");
    return { id, service, hash, startedAt, state };
  });
}

/** The id of each service's container, as a preview sees it. */
export const containerIds = async (host: LabHost): Promise<Record<string, string>> =>
  Object.fromEntries((await look(host)).containers.map(({ service, id }) => [service, id]));

/** Runs a script beside what is deployed, with a volume of project `shop` at `/<its name>`. */
export async function inVolume(host: LabHost, volume: string, script: string): Promise<string> {
  const [image] = (await engine(host, "image", "ls", "-q")).split("\n");
  const mount = `shop_${volume}:/${volume}`;
  return engine(host, "run", "--rm", "-v", mount, image!, "sh", "-c", script);
}

/** Removes every container of the host, and the anonymous volumes with them. */
export async function removeContainers(host: LabHost): Promise<void> {
  const ids = (await engine(host, "ps", "-a", "-q")).split("\n").filter(Boolean);
  if (ids.length > 0) await engine(host, "rm", "-f", "-v", ...ids);
}

/** Removes every project from a host: its containers, its networks and everfresh's folder. */
export async function removeProjects(host: LabHost): Promise<void> {
  const script =
    "docker rm -f $(docker ps -aq) 2>/dev/null; docker network prune -f; rm -rf /home/deploy/.everfresh";
  await exec(host, ["sh", "-c", script]);
}

/** What the host serves on its published port; undefined when nothing answers. */
export async function served(host: LabHost, path = "/", port = 8080): Promise<string | undefined> {
  // Not AbortSignal.timeout: neither its timer nor fetch's socket keeps the process alive, which would then end without a word.
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 2000);
  try {
    const answer = await fetch(host.url(port) + path, { signal: late.signal });
    return (await answer.text()).trim();
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
