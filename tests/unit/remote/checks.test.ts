import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { probeProgram } from "../../../core/host/requests";
import { insteadOfMain, SHELLS } from "./shells";

/** Runs the http check against a port of this machine, with `tools` as its whole PATH's front. */
function check(shell: string, port: number, path: string, status: number, body: string): Promise<string> {
  const quoted = body.replaceAll("'", `'\\''`);
  const script = `nl='
' broken_check='' calls=check proof='good|web|id|||running'
engine() { echo 127.0.0.1; }
http web ${port} '${path}' ${status} '${quoted}'
printf '%s' "$broken_check"`;
  const { command, stdin } = insteadOfMain(probeProgram({ project: "shop" }), script);
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", command.replace(/^sh /, `${shell} `)], {
      env: { PATH: process.env.PATH, HOME: "/nonexistent" },
    });
    let said = "";
    child.stdout.on("data", (data) => {
      said += data;
    });
    child.on("error", reject);
    child.on("close", () => resolve(said));
    child.stdin.end(stdin);
  });
}

describe("the http check", () => {
  let server: Server;
  let port: number;
  before((done) => {
    server = createServer((request, response) => {
      response.statusCode = request.url === "/missing" ? 404 : 200;
      response.end(`you asked for ${request.url}\nit's "fine" & $HOME\n\n`);
    }).listen(0, "127.0.0.1", () => {
      port = (server.address() as AddressInfo).port;
      done();
    });
  });
  after((done) => server.close(done) && undefined);

  for (const shell of SHELLS) {
    it(`compares status and body under ${shell}`, async () => {
      assert.equal(await check(shell, port, "/", 200, ""), "");
      assert.equal(
        await check(shell, port, "/a?b=%20&c=[d]", 200, '/a?b=%20&c=[d]\nit\'s "fine" & $HOME\n\n'),
        "",
      );
      assert.equal(await check(shell, port, "/missing", 404, "missing"), "");
      assert.equal(
        await check(shell, port, "/missing", 200, ""),
        "web|http /missing answered 404 instead of 200|id",
      );
      assert.equal(
        await check(shell, port, "/", 200, "other"),
        "web|http / does not contain the expected text|id",
      );
      assert.equal(
        await check(shell, port, "/", 200, "\n\n\n"),
        "web|http / does not contain the expected text|id",
      );
      assert.equal(await check(shell, 1, "/", 200, ""), "web|http / answered nothing instead of 200|id");
    });
  }
});
