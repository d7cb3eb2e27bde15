import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { probeProgram } from "../../../core/host/requests";
import { insteadOfMain, runUnder, SHELLS } from "./shells";

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

describe("the checks of a release, made again", () => {
  /** Three services with checks: `web` is well, `api` does not pass, `db` is unhealthy. */
  const verify = (shell: string, service = "") => {
    const script = `
verify_service='${service}' folder=$PWD
probe() { :; }
current_release() { echo r1; }
is_as_staged() { :; }
observe() { :; }
know_images() { :; }
proved_one_shots() { :; }
verdicts() { printf '%s\\n' 'good|web|w1|||running' 'good|api|a1|||running' 'wait|db|is unhealthy|d1'; }
engine() { echo "$*" >&3; [ "$2" != a1 ] || { echo 'no | way'; return 3; }; }
run_calls() {
  calls=$2
  command_in db true
  command_in api node check.js
  command_in web true 'a|b'
  file_in web '/etc/a|b
c' ''
}
verify`;
    return runUnder(shell, insteadOfMain(probeProgram({ project: "shop" }), script));
  };

  for (const shell of SHELLS) {
    it(`tell the result of each under ${shell}, and of none in a container that does not run as it should`, () => {
      const { stdout, stderr } = verify(shell);
      assert.deepEqual(stdout.split("\n"), [
        "check|db|command true|is unhealthy|d1",
        "check|api|command node|command node exited with status 3: no  way|a1",
        "check|web|command true||",
        "check|web|file /etc/a?b?c||",
        "",
      ]);
      assert.doesNotMatch(stderr, /d1/);
    });

    it(`are those of one service if it is named under ${shell}`, () => {
      const { stdout, stderr } = verify(shell, "api");
      assert.match(stdout, /^check\|api\|[^\n]*\n$/);
      assert.doesNotMatch(stderr, /w1/);
    });
  }
});
