import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { useLocalRegistry } from "../../adapters/local-registry";
import { checkLogin, isClosed } from "../../adapters/registry";
import { pushLogin, registryAccess, unusableLogin } from "../../adapters/registry-access";
import { RegistryError } from "../../adapters/registry-error";
import { runVerb } from "../../adapters/verb";
import { doctorProgram } from "../../core/host/requests";
import { registryHost } from "../../core/images";
import { printable } from "../../core/printable";
import { Problems, problem } from "../../core/problems";
import type { Settings } from "../../core/settings";
import { usesStandIns } from "../../lab/pulumi/in-use";
import { readSettings } from "../configuration";
import { mustSuitPulumi } from "../deployable";
import { askHosts, hostProject } from "../hosts";
import { version } from "../pulumi/commands";
import { type ExitStatus, exit } from "../pulumi/outcome";
import { ask } from "../pulumi/run";
import type { Session } from "../session";
import { paintFor, print, printJson, waitingFor } from "../terminal";
import { identifyServices } from "../working-tree";

/** The result of one check. */
export interface Finding {
  /** What was checked: `docker engine`, `registry`, a host's name. */
  what: string;
  /** What was found there. */
  found?: string;
  /** What is wrong, each with how to fix it. */
  problems: readonly string[];
}

/** Checks this machine, the registry and the hosts, and says how to fix each problem. */
export async function doctor(session: Session): Promise<ExitStatus> {
  const findings = await waitingFor("looking at this machine, the registry and the hosts", examine(session));
  const healthy = findings.every(({ problems }) => problems.length === 0);
  if (session.json) printJson({ healthy, findings });
  else print(renderFindings(findings));
  return healthy ? exit.done : exit.refused;
}

export function renderFindings(findings: readonly Finding[], paint = paintFor(process.stdout, process.env)) {
  return findings.flatMap(({ what, found, problems }) =>
    problems.length === 0
      ? [`${paint("green", "ok")}    ${what}: ${printable(found ?? "")}`]
      : problems.map((text) => `${paint("red", "fix")}   ${printable(text)}`),
  );
}

async function examine(session: Session): Promise<Finding[]> {
  const machine = Promise.all([
    finding("node", nodeVersion),
    finding("docker engine", () =>
      tool("docker", ["version", "--format", "{{.Server.Version}}"], "start it, or run `npm run setup`"),
    ),
    finding("docker compose", () =>
      tool("docker", ["compose", "version", "--short"], "run `npm run setup`", "2"),
    ),
    finding("docker buildx", () => tool("docker", ["buildx", "version"], "run `npm run setup`")),
    finding("pulumi", async () => {
      await mustSuitPulumi(session);
      const number = (await ask(version())).trim();
      return usesStandIns() ? `${number}, the engine with the lab's stand-ins` : number;
    }),
    finding("git", () =>
      tool("git", ["--version"], "install it: without it a release does not know its commit"),
    ),
  ]);
  let settings: Settings;
  try {
    settings = await readSettings(session);
  } catch (error) {
    return [...(await machine), { what: "configuration", problems: fixable(error) }];
  }
  const [local, project, registry, hosts] = await Promise.all([
    machine,
    finding("compose project", async () => {
      const built = Object.keys(await identifyServices(settings));
      return `builds ${built.join(", ") || "nothing"}`;
    }),
    finding("registry", () => registryFinding(settings)),
    hostFindings(settings),
  ]);
  return [...local, { what: "configuration", found: "complete", problems: [] }, project, registry, ...hosts];
}

async function finding(what: string, check: () => Promise<string>): Promise<Finding> {
  try {
    return { what, found: await check(), problems: [] };
  } catch (error) {
    return { what, problems: fixable(error) };
  }
}

/**
 * The problems that an error reports to the user.
 *
 * @throws any other error.
 */
function fixable(error: unknown): readonly string[] {
  if (error instanceof Problems) return error.problems;
  if (error instanceof RegistryError) return [error.message];
  throw error;
}

async function nodeVersion(): Promise<string> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return process.version;
  throw new Problems([problem("node", `is ${process.version}`, "install 20.19 or newer")]);
}

async function tool(command: string, args: string[], todo: string, atLeast?: string): Promise<string> {
  const name = [command, ...args.filter((arg) => !arg.startsWith("-") && !/version|\{\{/.test(arg))].join(
    " ",
  );
  let version: string;
  try {
    version = (await promisify(execFile)(command, args, { timeout: 10_000 })).stdout.trim();
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    const why =
      code === "ENOENT" ? "is not installed" : `does not answer (${stderr?.trim().split("\n").at(-1)})`;
    throw new Problems([problem(name, why, todo)]);
  }
  const major = Number(/\d+/.exec(version)?.[0]);
  if (atLeast !== undefined && !(major >= Number(atLeast))) {
    throw new Problems([problem(name, `is ${version}, but version ${atLeast} is needed`, todo)]);
  }
  return version.split("\n")[0]!;
}

/** @throws Problems or RegistryError that say how to get a login that the registry accepts. */
export async function registryFinding({
  registry,
  promoteFrom,
}: Pick<Settings, "registry" | "promoteFrom">): Promise<string> {
  if (!registry) return "none is needed for a pinned release";
  if (registry.local) {
    await useLocalRegistry(registry.local);
    return `starts on port ${registry.local.port} while this machine deploys`;
  }
  const host = registryHost(registry.address);
  const access = registryAccess(registry);
  await checkLogin(host, access);
  if (access.auth) return `${host} accepts the login of ${access.auth.username}`;
  if (!(await isClosed(host, access))) return `${host} answers`;
  const login = await pushLogin(host, registry.insecure);
  if (login.kind === "usable") return `${host} accepts docker's login`;
  if (promoteFrom !== undefined) return `${host} answers`;
  throw new Problems([
    login.kind === "unusable"
      ? unusableLogin(host, login.why)
      : problem(
          "everfresh:registry.username",
          `${host} takes no image without a login`,
          `run \`docker login ${host}\`, or set a user name and a password`,
        ),
  ]);
}

async function hostFindings(settings: Settings): Promise<Finding[]> {
  let project: Awaited<ReturnType<typeof hostProject>>;
  try {
    project = await hostProject(settings);
  } catch (error) {
    if (!(error instanceof Problems)) throw error;
    return []; // the finding about the compose project says why
  }
  const mustForward = settings.transport === "ssh";
  const answers = await askHosts(settings, (asked) =>
    runVerb(asked, doctorProgram(project), { mustForward }),
  );
  return answers.map((answer) =>
    "problems" in answer
      ? { what: answer.name, problems: answer.problems }
      : { what: answer.name, found: "ready", problems: [] },
  );
}
