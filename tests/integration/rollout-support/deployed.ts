import path from "node:path";
import type { Lab } from "../../../lab/lab";
import { TestStack } from "../../support/stack";
import { type Example, provideImages } from "./site";

const configs: Record<Example, string> = {
  haproxy: "proxy/haproxy.cfg",
  nginx: "proxy/nginx.conf",
  caddy: "proxy/Caddyfile",
  traefik: "compose.yaml",
};

/** An example that everfresh deploys, with `strategy: start-first`. */
export class DeployedExample {
  readonly #server: string;
  readonly #config: string;

  private constructor(
    readonly stack: TestStack,
    example: Example,
    server: string,
  ) {
    this.#server = server;
    this.#config = configs[example];
  }

  /** Deploys it. Its `web` answers with version 1. */
  static async create(lab: Lab, example: Example): Promise<DeployedExample> {
    const app = path.join(__dirname, "../../../examples", example);
    const stack = await TestStack.create(lab, { app });
    await stack.configure({ strategy: "start-first" });
    await provideImages(lab.hosts[0]!, example);
    await stack.mustUp();
    return new DeployedExample(stack, example, await stack.read("web/server.js"));
  }

  get url(): string {
    return this.stack.host.url(8080);
  }

  async deploy(version: string): Promise<void> {
    await this.stack.write("web/server.js", this.#server);
    await this.stack.write("web/version", `${version}\n`);
    await this.stack.mustUp();
  }

  /** Deploys a version that never gets healthy. */
  async deployBroken(): Promise<void> {
    await this.stack.write("web/server.js", "setInterval(() => {}, 1000); // never listens\n");
    const { status, output } = await this.stack.up();
    if (status === 0) throw new Error(`a broken version was deployed: ${output}`);
  }

  /** The proxy's container. */
  async proxy() {
    return (await this.stack.containers()).proxy;
  }

  /** Changes the proxy's configuration; returns what was printed. */
  async changeProxy(): Promise<string> {
    await this.stack.write(this.#config, `${await this.stack.read(this.#config)}# changed\n`);
    return (await this.stack.mustUp()).output;
  }

  /** Deploys a configuration that the proxy does not understand; returns what was printed. */
  async breakProxy(): Promise<string> {
    const valid = await this.stack.read(this.#config);
    await this.stack.write(this.#config, `${valid}no such directive {\n`);
    const { status, output } = await this.stack.up();
    if (status === 0) throw new Error(`a broken configuration was deployed: ${output}`);
    await this.stack.write(this.#config, valid);
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}
