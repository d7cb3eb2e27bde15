import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import path from "node:path";
import { finished } from "node:stream/promises";
import { Lines } from "../plugin/lines";

/** The `build` of a `RemoteImage`, as everfresh uses it. */
export interface BuildOptions {
  context: string;
  /** Relative to the context. */
  dockerfile: string;
  /** The file to which the builder's progress is appended. */
  buildLogFile?: string;
  buildArgs?: Record<string, string>;
  /** Labels of the image. (The provider also has `labels`, and ignores it.) */
  label?: Record<string, string>;
  /** `name=path` or `name=docker-image://…` */
  additionalContexts?: string[];
  secrets?: { id: string; src?: string; env?: string }[];
  target?: string;
  platform?: string;
  networkMode?: string;
  /** `name:address` */
  extraHosts?: string[];
  /** In bytes. */
  shmSize?: number;
  provenance?: string;
  sbom?: string;
  noCache?: boolean;
  pullParent?: boolean;
  cacheFroms?: string[];
  cacheTos?: string[];
}

/**
 * Builds an image with the builder of this machine's Docker engine, and stores it there.
 *
 * @throws Error with the builder's message.
 */
export async function build(options: BuildOptions, name: string): Promise<void> {
  const context = path.resolve(options.context);
  const dockerfile = path.resolve(context, options.dockerfile);
  if (!existsSync(dockerfile))
    throw new Error(
      `Error mapping build attributes: error resolving dockerfile path: dockerfile not found at path: ${dockerfile}`,
    );
  const { argv, env } = buildx(options, { context, dockerfile, name });
  const child = spawn("docker", argv, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env, BUILDX_BUILDER: "default" },
  });
  // The build must not outlive this process.
  const end = () => child.kill();
  process.on("exit", end);
  try {
    const [failure, [status]] = await Promise.all([
      follow(child, options.buildLogFile),
      once(child, "close") as Promise<[number | null]>,
    ]);
    if (status !== 0)
      throw new Error(`Error running buildx build: ${failure || `it ended with status ${status}`}`);
  } finally {
    process.removeListener("exit", end);
  }
}

/**
 * The command line and its extra environment. Build arguments are passed in the environment, because every user of the
 * machine can see command lines. Those that would be a setting of docker itself are passed as arguments.
 */
export function buildx(
  options: BuildOptions,
  { context, dockerfile, name }: { context: string; dockerfile: string; name: string },
): { argv: string[]; env: Record<string, string> } {
  const args = Object.entries(options.buildArgs ?? {});
  const inEnvironment = ([arg]: [string, string]) =>
    process.env[arg] === undefined && !/^(DOCKER|BUILD|COMPOSE|OTEL)|_proxy$/i.test(arg);
  const each = (flag: string, values: string[] = []) => values.flatMap((value) => [flag, value]);
  const one = (flag: string, value?: string) => (value ? [flag, value] : []);
  return {
    env: Object.fromEntries(args.filter(inEnvironment)),
    argv: [
      ...["buildx", "build", "--progress=plain", "--load", "--file", dockerfile, "--tag", name],
      ...each(
        "--build-arg",
        args.map(([arg, value]) => (inEnvironment([arg, value]) ? arg : `${arg}=${value}`)),
      ),
      ...each(
        "--label",
        Object.entries(options.label ?? {}).map((pair) => pair.join("=")),
      ),
      ...each("--build-context", options.additionalContexts),
      ...each(
        "--secret",
        options.secrets?.map(
          ({ id, src, env }) => `id=${id},${src === undefined ? `env=${env}` : `src=${src}`}`,
        ),
      ),
      ...each("--add-host", options.extraHosts),
      ...each("--cache-from", options.cacheFroms),
      ...each("--cache-to", options.cacheTos),
      ...one("--target", options.target),
      ...one("--platform", options.platform),
      ...one("--network", options.networkMode),
      ...one("--shm-size", options.shmSize === undefined ? undefined : `${options.shmSize}`),
      ...one("--provenance", options.provenance),
      ...one("--sbom", options.sbom),
      ...(options.noCache ? ["--no-cache"] : []),
      ...(options.pullParent ? ["--pull"] : []),
      context,
    ],
  };
}

/**
 * Appends the builder's progress to the log while it builds.
 *
 * @returns the reason that docker prints after the progress when a build fails.
 */
async function follow(child: ChildProcess, logFile?: string): Promise<string> {
  const log = createWriteStream(logFile ?? "/dev/null", { flags: "a" });
  log.on("error", () => {}); // the build does not depend on its log
  const added: string[] = [];
  let rules = 0;
  const lines = new Lines((line) => {
    // The progress ends with the output of the failing step, between two rules. An excerpt of the Dockerfile follows.
    if (rules === 2 || added.length > 0 || line.startsWith("ERROR: ")) added.push(line);
    else log.write(`${line}\n`);
    if (line === "------") rules += 1;
  });
  for await (const data of child.stderr!) lines.write(data);
  lines.end();
  await finished(log.end()).catch(() => {});
  const reason = added.findIndex((line) => line.startsWith("ERROR: "));
  return added
    .slice(Math.max(0, reason))
    .join("\n")
    .replace(/^ERROR: (failed to build: )?/, "")
    .trim();
}
