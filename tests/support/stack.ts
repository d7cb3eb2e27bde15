import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { type Memory, memoryType } from "../../core/release/deployed";
import { docker } from "../../lab/docker";
import { engine } from "../../lab/faults";
import type { Lab, LabHost } from "../../lab/lab";
import { withTools } from "../../lab/pulumi/environment";

/** The program under test. */
export const checkout = path.join(__dirname, "..", "..");

const pages = path.join(checkout, "tests/integration/testdata/pages");

export interface Run {
  status: number;
  /** What a user would see: stdout and stderr in order. */
  output: string;
}

export interface Container {
  id: string;
  /** The manifest digest of the container's image, as the host's engine knows it. */
  digest: string;
}

/** A stack of the real program, with its own state, configuration and compose project. */
export class TestStack {
  /** The environment that finds the Pulumi to use; default: the one that set-up found. */
  tools: NodeJS.ProcessEnv = withTools();
  /** The folder of the program that runs. */
  program = checkout;

  /** Where the registry of this machine listens, if images come over SSH. */
  #localRegistry?: string;

  private constructor(
    readonly name: string,
    readonly project: string,
    readonly folder: string,
    readonly app: string,
    readonly state: string,
    readonly host: LabHost,
  ) {}

  /**
   * Copies an application and creates a stack for it on the lab's hosts, without deploying it.
   *
   * @param options.project - the compose project's name; default: a new one.
   * @param options.localRegistry - where the registry of this machine listens, for images that come over SSH; default: they come
   * from the lab's registry.
   * @param options.beside - another stack, whose state backend and application this one shares.
   */
  static async create(
    lab: Lab,
    options: {
      app?: string;
      hosts?: LabHost[];
      project?: string;
      localRegistry?: string;
      beside?: TestStack;
    } = {},
  ): Promise<TestStack> {
    const name = `t${randomBytes(4).toString("hex")}`;
    const { app = pages, hosts = lab.hosts.slice(0, 1), project = `p${name}`, beside } = options;
    const folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-test-"));
    const place: Pick<TestStack, "app" | "state"> = beside ?? {
      app: path.join(folder, "app"),
      state: path.join(folder, "state"),
    };
    const stack = new TestStack(name, project, folder, place.app, place.state, hosts[0]!);
    stack.#localRegistry = options.localRegistry;
    if (!beside) {
      await cp(app, stack.app, { recursive: true, verbatimSymlinks: true });
      if (app === pages && lab.engine === "oldest") await stack.doWithoutStartInterval();
      await mkdir(stack.state);
    }
    // `stack init` writes a configuration file beside Pulumi.yaml, which must not be the checkout's.
    await writeFile(path.join(folder, "Pulumi.yaml"), "name: everfresh\nruntime: nodejs\n");
    await stack.pulumi("stack", "init", name);
    const { registry } = lab;
    await stack.configure({
      composeFile: path.join(stack.app, "compose.yaml"),
      projectName: stack.project,
      lockWait: "5",
      healthTimeout: "20",
      settle: "1",
      ...(options.localRegistry
        ? { transport: "ssh", "registry.address": options.localRegistry, "registry.image": lab.image }
        : {
            "registry.address": registry.address,
            "registry.pullAddress": registry.pullAddress,
            "registry.username": registry.username,
            "registry.insecure": "true",
          }),
      ...Object.fromEntries(
        hosts.flatMap(({ name, address, port, user, hostKey }, i) =>
          Object.entries({ name, address, port, user, hostKey }).map(([key, value]) => [
            `hosts[${i}].${key}`,
            `${value}`,
          ]),
        ),
      ),
    });
    if (!options.localRegistry) await stack.secret("registry.password", registry.password);
    for (const [i, { privateKey }] of hosts.entries())
      await stack.secret(`hosts[${i}].privateKey`, privateKey);
    return stack;
  }

  /** The stack's configuration. */
  get configFile(): string {
    return path.join(this.folder, `Pulumi.${this.name}.yaml`);
  }

  /** Where pulumi finds the stack's state. */
  get backend(): Record<string, string> {
    return {
      PULUMI_BACKEND_URL: `file://${this.state}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
    };
  }

  async configure(settings: Record<string, string>): Promise<void> {
    const values = Object.entries(settings).flatMap(([key, value]) => [
      "--plaintext",
      `everfresh:${key}=${value}`,
    ]);
    await this.pulumi("config", "set-all", "--path", ...values);
  }

  async secret(key: string, value: string): Promise<void> {
    await this.#run(["config", "set", "--secret", "--path", `everfresh:${key}`], {
      input: value,
      must: true,
    });
  }

  async unset(key: string): Promise<void> {
    await this.pulumi("config", "rm", "--path", `everfresh:${key}`);
  }

  /** Runs a pulumi command that must succeed. */
  pulumi(...args: string[]): Promise<Run> {
    return this.#run(args, { must: true });
  }

  up(...args: string[]): Promise<Run> {
    return this.#run(["up", "--yes", "--skip-preview", ...args]);
  }

  preview(...args: string[]): Promise<Run> {
    return this.#run(["preview", ...args]);
  }

  /** Runs `pulumi up`, which must succeed. */
  mustUp(): Promise<Run> {
    return this.#run(["up", "--yes", "--skip-preview"], { must: true });
  }

  /** Starts `pulumi up` and returns its process. */
  start(...args: string[]): { child: ChildProcess; ended: Promise<Run> } {
    return this.#start(["up", "--yes", "--skip-preview", ...args]);
  }

  /** What a preview would do, as `type::name` → operation, without unchanged resources. */
  async plan(): Promise<Record<string, string>> {
    const { output, status } = await this.#run(["preview", "--json"]);
    if (status !== 0) throw new Error(output);
    const { steps } = JSON.parse(output.slice(output.indexOf("{"))) as {
      steps: { op: string; urn: string }[];
    };
    const shown = steps.filter(
      ({ op }) => !["same", "read"].includes(op) && !/^(create-replacement|delete-replaced)$/.test(op),
    );
    return Object.fromEntries(
      shown.map(({ op, urn }) => [urn.split("::").slice(-2).join("::").replace(/^.*\$/, ""), op]),
    );
  }

  /** The content hash under which a preview would build a service. */
  async plannedContent(service: string): Promise<string> {
    const { output } = await this.#run(["preview", "--json"]);
    const { steps } = JSON.parse(output.slice(output.indexOf("{"))) as {
      steps: { urn: string; newState?: { inputs?: { triggers?: { content?: string } } } }[];
    };
    const content = steps
      .filter(({ urn }) => urn.endsWith(`::${service}-build`))
      .map(({ newState }) => newState?.inputs?.triggers?.content)
      .find((content) => content !== undefined);
    if (content === undefined) throw new Error(`${service} would not be built:\n${output}`);
    return content;
  }

  async outputs<T>(): Promise<T> {
    return JSON.parse((await this.pulumi("stack", "output", "--json")).output) as T;
  }

  /** What the program remembers beside the outputs. */
  async memory(): Promise<Memory> {
    const { output } = await this.pulumi("stack", "export");
    const { deployment } = JSON.parse(output) as {
      deployment: { resources: { type: string; outputs: Memory }[] };
    };
    return deployment.resources.find(({ type }) => type === memoryType)!.outputs;
  }

  /** The project's containers on a host, by service. */
  async containers(host = this.host): Promise<Record<string, Container>> {
    const ids = await engine(
      host,
      "ps",
      "-aq",
      "--no-trunc",
      "--filter",
      `label=com.docker.compose.project=${this.project}`,
    );
    if (ids === "") return {};
    const lines = await engine(
      host,
      "inspect",
      "--format",
      '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.Image}} {{.Config.Image}}',
      ...ids.split("\n"),
    );
    const entries = lines.split("\n").map(async (line) => {
      const [service, id, image, name] = line.split(" ") as [string, string, string, string];
      const names = JSON.parse(
        await engine(host, "image", "inspect", "--format", "{{json .RepoDigests}}", image),
      ) as string[];
      // An engine that writes the build time into images pushes the same layers under several digests.
      const known = names.find((one) => one === name) ?? names[0];
      return [service, { id, digest: known?.split("@")[1] ?? "" }] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Runs a command in a service's container and returns what it prints. */
  async inContainer(service: string, ...command: string[]): Promise<string> {
    const container = (await this.containers())[service];
    if (!container) throw new Error(`${service} has no container`);
    return engine(this.host, "exec", container.id, ...command);
  }

  /** The page as the host's own engine serves it; undefined when nothing answers. */
  async page(port = 8081): Promise<string | undefined> {
    try {
      const answer = await fetch(this.host.url(port), { headers: { connection: "close" } });
      return (await answer.text()).trim();
    } catch {
      return undefined;
    }
  }

  /** compose 2.17 rejects the key. Without it, containers become healthy a little later. */
  async doWithoutStartInterval(): Promise<void> {
    const known = await this.read("compose.yaml");
    const often = known.replace("interval: 3s", "interval: 1s").replace(", start_interval: 100ms", "");
    await this.write("compose.yaml", often);
  }

  async read(file: string): Promise<string> {
    return readFile(path.join(this.app, file), "utf8");
  }

  async write(file: string, content: string): Promise<void> {
    await mkdir(path.dirname(path.join(this.app, file)), { recursive: true });
    await writeFile(path.join(this.app, file), content);
  }

  /** Removes the project from the host, and the stack. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ids = await engine(
      this.host,
      "ps",
      "-aq",
      "--filter",
      `label=com.docker.compose.project=${this.project}`,
    );
    if (ids !== "") await engine(this.host, "rm", "-f", "-v", ...ids.split("\n"));
    await this.#removeRegistry();
    await rm(this.folder, { recursive: true, force: true });
    await rm(path.join(checkout, ".everfresh", "build", this.name), { recursive: true, force: true });
  }

  /** Removes the registry of this machine, which ends by itself but keeps its storage, and the images that were pushed to it. */
  async #removeRegistry(): Promise<void> {
    if (this.#localRegistry === undefined) return;
    const name = `everfresh-registry-${this.#localRegistry.split(":")[1]}`;
    await docker(["rm", "--force", name]).catch(() => {}); // it has ended
    await docker(["volume", "rm", "--force", name]);
    const pushed = [
      "images",
      "--format={{.Repository}}:{{.Tag}}",
      `--filter=reference=${this.#localRegistry}/*`,
    ];
    const images = (await docker(pushed))
      .split("\n")
      .filter((image) => image !== "" && !image.endsWith(":<none>"));
    if (images.length > 0) await docker(["rmi", "--force", ...images]);
  }

  async #run(args: string[], { input, must = false }: { input?: string; must?: boolean } = {}): Promise<Run> {
    const run = await this.#start(args, input).ended;
    if (must && run.status !== 0)
      throw new Error(`pulumi ${args.join(" ")}: status ${run.status}\n${run.output}`);
    return run;
  }

  #start(args: string[], input?: string): { child: ChildProcess; ended: Promise<Run> } {
    const init = args[1] === "init";
    const stack = init ? [] : ["--stack", this.name];
    const configured = /^(config|up|preview|destroy|refresh)$/.test(args[0]!);
    const config = configured ? ["--config-file", this.configFile] : [];
    const child = spawn("pulumi", [...args, ...stack, ...config, "--non-interactive"], {
      cwd: init ? this.folder : this.program,
      env: { ...this.tools, ...this.backend },
      stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.end(input);
    let output = "";
    child.stdout?.on("data", (data) => {
      output += data;
    });
    child.stderr?.on("data", (data) => {
      output += data;
    });
    const ended = new Promise<Run>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        reject(error.code === "ENOENT" ? new Error("pulumi: not installed; run `npm run setup`") : error),
      );
      child.once("close", (status) => resolve({ status: status ?? -1, output }));
    });
    return { child, ended };
  }
}
