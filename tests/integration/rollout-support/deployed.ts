import path from "node:path";
import type { Lab } from "../../../lab/lab";
import { TestStack } from "../../support/stack";
import type { Example } from "./site";

/** An example that everfresh deploys, with `strategy: start-first`. */
export class DeployedExample {
  readonly #server: string;

  private constructor(
    readonly stack: TestStack,
    server: string,
  ) {
    this.#server = server;
  }

  /** Deploys it. Its `web` answers with version 1. */
  static async create(lab: Lab, example: Example): Promise<DeployedExample> {
    const app = path.join(__dirname, "../../../examples", example);
    const stack = await TestStack.create(lab, { app });
    await stack.configure({ strategy: "start-first" });
    await stack.mustUp();
    return new DeployedExample(stack, await stack.read("web/server.js"));
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack[Symbol.asyncDispose]();
  }
}
