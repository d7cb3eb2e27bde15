import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import os from "node:os";
import path from "node:path";
import { registryFinding } from "../../../cli/verbs/doctor";
import { AUTH, BASIC, registryServers } from "../adapters/registry-server";

describe("doctor, about the registry", () => {
  const { start } = registryServers();
  const { DOCKER_CONFIG } = process.env;
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-doctor-"));
    process.env.DOCKER_CONFIG = folder;
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    if (DOCKER_CONFIG === undefined) delete process.env.DOCKER_CONFIG;
    else process.env.DOCKER_CONFIG = DOCKER_CONFIG;
  });

  const open: RequestListener = (_, response) => response.end();
  const closed: RequestListener = ({ headers }, response) =>
    response.writeHead(headers.authorization === BASIC ? 200 : 401, { "www-authenticate": "Basic" }).end();
  /** Gives a token to anybody, for public images. */
  const halfOpen: RequestListener = ({ url = "", headers }, response) => {
    const isKnown = url.startsWith("/token") || headers.authorization === "Bearer t";
    const challenge = `Bearer realm="http://${headers.host}/token"`;
    response.writeHead(isKnown ? 200 : 401, { "www-authenticate": challenge }).end('{"token":"t"}');
  };
  async function finding(listener: RequestListener, login: object | undefined, more: object = {}) {
    const address = await start(listener);
    const auths = { [address]: login ?? {} };
    writeFileSync(path.join(folder, "config.json"), JSON.stringify({ auths }));
    const registry = { address, pullAddress: address, insecure: false, ...more };
    const found = await registryFinding({ registry, ...more }).catch((error: Error) => error.message);
    return found.replaceAll(address, "<registry>");
  }
  const ours = { auth: BASIC.slice("Basic ".length) };

  for (const [what, listener, login, more, expected] of [
    ["an open registry answers", open, ours, {}, "<registry> answers"],
    ["the configured login is accepted", closed, undefined, AUTH, "<registry> accepts the login of ci"],
    ["docker's own login is accepted", closed, ours, {}, "<registry> accepts docker's login"],
    [
      "a missing login is to be got with docker login",
      closed,
      undefined,
      {},
      "<registry>: requires a login (status 401); run `docker login <registry>`, or set a user name and a password in `registry`",
    ],
    [
      "a registry with public images takes none without a login",
      halfOpen,
      undefined,
      {},
      "everfresh:registry.username: <registry> takes no image without a login; run `docker login <registry>`, or set a user name and a password",
    ],
    [
      "a promoted stack needs no login to push",
      halfOpen,
      undefined,
      { promoteFrom: "staging" },
      "<registry> answers",
    ],
    [
      "an identity token cannot push",
      halfOpen,
      { identitytoken: "r" },
      {},
      "everfresh:registry.username: docker's login for <registry> is an identity token, with which Pulumi's docker provider cannot push; set a user name and a password",
    ],
  ] as const)
    it(what, async () => assert.equal(await finding(listener, login, more), expected));

  it("none is needed for a pinned release", async () =>
    assert.match(await registryFinding({}), /^none is needed/));
});
