import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { RegistryError } from "../../../adapters/registry-error";

export const DIGEST = `sha256:${"ab".repeat(32)}`;
export const AUTH = { username: "ci", password: "s3cret" };
export const BASIC = `Basic ${Buffer.from("ci:s3cret").toString("base64")}`;

/** Gives each test of a suite HTTP servers that stand in for registries. */
export function registryServers() {
  let servers: Server[] = [];
  const requests: IncomingMessage[] = [];
  afterEach(() => {
    for (const each of servers) {
      each.closeAllConnections();
      each.close();
    }
    servers = [];
  });
  return {
    /** What the server that was started last was asked. */
    requests,
    /** @returns its address, `host:port`. */
    async start(listener: RequestListener): Promise<string> {
      requests.length = 0;
      const server = createServer((request, response) => {
        requests.push(request);
        listener(request, response);
      });
      servers.push(server);
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      return `127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    /** Closes the server that was started last. */
    stop: () => void servers.at(-1)!.close(),
  };
}

/** Puts `fetch` back after each test of a suite that replaces it. */
export function restoreFetch(): void {
  const { fetch } = globalThis;
  afterEach(() => {
    globalThis.fetch = fetch;
  });
}

/** The error that a question fails with: in our form, and without the password. */
export async function failure(promise: Promise<unknown>): Promise<RegistryError> {
  const error = await promise.then(
    () => assert.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RegistryError, String(error));
  assert.match(error.message, /^[^:]+(:\d+)?: .+; .+/s);
  assert.doesNotMatch(error.message, /s3cret/);
  return error;
}
