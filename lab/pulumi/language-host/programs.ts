import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import * as messages from "@pulumi/pulumi/proto/language_pb";
import { refusal } from "../lab-only";
import { log, logged } from "../plugin/engine-log";
import { configuredHosts } from "./configured-hosts";

/** Exit status of `@pulumi/pulumi/cmd/run` when it has already shown the user what is wrong. */
const saidItself = 32;
/** Milliseconds after which an interrupted program is killed. */
const PATIENCE_MS = 5_000;

/** The programs that are running for the engine. */
export class Programs {
  readonly #running = new Set<ChildProcess>();

  async run(request: messages.RunRequest, engine: string): Promise<messages.RunResponse> {
    const response = new messages.RunResponse();
    const refused = await refusal(configuredHosts(request.getConfigMap().get("everfresh:hosts")));
    if (refused !== undefined) {
      log("", refused, { severity: LogSeverity.ERROR });
      await logged();
      return response.setBail(true);
    }
    let command: string[];
    try {
      command = commandOf(request, engine);
    } catch (error) {
      return response.setError((error as Error).message);
    }
    const child = spawn("node", command, {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...environmentOf(request) },
    });
    this.#running.add(child);
    try {
      const [status] = (await once(child, "close")) as [number | null];
      if (status === saidItself) return response.setBail(true);
      if (status !== 0) response.setError(`Program exited with non-zero exit code: ${status ?? -1}`);
      return response;
    } catch (error) {
      return response.setError(
        `Problem executing program (could not run language executor): ${(error as Error).message}`,
      );
    } finally {
      this.#running.delete(child);
    }
  }

  /** Interrupts all of them, and kills those that do not end. */
  interrupt(): void {
    for (const child of this.#running) child.kill("SIGINT");
    setTimeout(() => this.kill(), PATIENCE_MS).unref();
  }

  kill(): void {
    for (const child of this.#running) child.kill("SIGKILL");
  }
}

const optionsOf = (request: messages.RunRequest) =>
  (request.getInfo()!.getOptions()?.toJavaScript() ?? {}) as {
    nodeargs?: string;
    typescript?: boolean;
    tsconfig?: string;
  };

/** Arguments for node. */
function commandOf(request: messages.RunRequest, engine: string): string[] {
  const program = request.getInfo()!;
  const folder = program.getProgramDirectory();
  const flag = (name: string, value: string | number) => (value ? [`--${name}`, `${value}`] : []);
  return [
    ...wordsOf(optionsOf(request).nodeargs ?? ""),
    runnerOf(folder),
    ...flag("monitor", request.getMonitorAddress()),
    ...flag("engine", engine),
    ...flag("organization", request.getOrganization()),
    ...flag("project", request.getProject()),
    ...flag("root-directory", program.getRootDirectory()),
    ...flag("stack", request.getStack()),
    ...flag("pwd", folder),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    ...flag("parallel", request.getParallel()),
    program.getEntryPoint(),
    ...request.getArgsList(),
  ];
}

/** The SDK's script that runs a program, in the version that the program has installed. */
function runnerOf(folder: string): string {
  try {
    return createRequire(path.join(folder, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  } catch {
    throw new Error("It looks like the Pulumi SDK has not been installed. Have you run pulumi install?\n");
  }
}

function wordsOf(nodeargs: string): string[] {
  if (/["'\\]/.test(nodeargs))
    throw new Error(
      "runtime.options.nodeargs: has a quote or a backslash, which the lab's stand-in for the language host does not support; write the arguments without them",
    );
  return nodeargs.split(/\s+/).filter(Boolean);
}

function environmentOf(request: messages.RunRequest): Record<string, string> {
  const { typescript = true, tsconfig } = optionsOf(request);
  // The SDK expects keys such as `everfresh:config:tag`.
  const config = [...request.getConfigMap().entries()].map(([key, value]) => [
    key.replace(":", ":config:"),
    value,
  ]);
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(config)),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    ...(typescript ? { PULUMI_NODEJS_TYPESCRIPT: "true" } : {}),
    ...(tsconfig ? { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig } : {}),
  };
}
