import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { runBounded } from "../../../adapters/bounded";
import { eventually } from "../../../lab/poll";

const wide = { seconds: 60, memory: 2048, output: 1 };

describe("runBounded", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-bounded-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => path.join(folder, name);
  /** Whether a process runs that has the folder among its arguments. */
  const isRunning = () =>
    execFileSync("ps", ["ax", "-o", "args"], { encoding: "utf8" }).includes(`tail -f ${folder}`);

  it("returns how a command ended and what it printed", async () => {
    assert.deepEqual(await runBounded(["sh", "-c", "echo a; echo b >&2; exit 3"], wide), {
      end: "exited",
      status: 3,
      stdout: "a\n",
      stderr: "b\n",
    });
    assert.equal((await runBounded(["no-such-command"], wide)).end, "missing");
  });

  it("passes arguments and environment on unchanged, byte for byte", async () => {
    const words = ["a b", "$HOME", "'", '"', "\\", "*", "", "-e", "\n"];
    const { stdout } = await runBounded(["printf", "[%s]", ...words], wide);
    assert.equal(stdout, words.map((word) => `[${word}]`).join(""));
    assert.equal(
      (await runBounded(["sh", "-c", 'echo "$A"'], wide, { env: { ...process.env, A: "$B" } })).stdout,
      "$B\n",
    );
  });

  it("ends a command that takes too long, and everything that it started", async () => {
    await writeFile(at("file"), "");
    const { end } = await runBounded(["sh", "-c", `tail -f ${at("file")} & tail -f ${at("file")}`], {
      ...wide,
      seconds: 0.5,
    });
    assert.equal(end, "late");
    await eventually("the end of what it started", async () => !isRunning());
  });

  it("ends a command that waits for a pipe that nobody writes to", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    assert.equal((await runBounded(["cat", at("pipe")], { ...wide, seconds: 0.5 })).end, "late");
  });

  it("ends a command that prints without end", async () => {
    const { end, stdout } = await runBounded(["yes"], wide);
    assert.equal(end, "talkative");
    assert.ok(stdout.length <= 2 ** 20);
  });

  it("ends a command whose processes together need too much memory", async function () {
    // Elsewhere nobody tells.
    if (process.platform !== "linux") this.skip();
    const grow =
      'x=$(head -c 60000000 /dev/zero | tr "\\0" a); (y=$x; sleep 1; : "$y") & (sleep 1; : "$x"); wait';
    assert.equal((await runBounded(["sh", "-c", grow], wide)).end, "exited");
    assert.equal((await runBounded(["sh", "-c", grow], { ...wide, memory: 100 })).end, "greedy");
  });

  it("leaves nothing running when it is killed itself", async () => {
    await writeFile(at("file"), "");
    const program = `require("./adapters/bounded").runBounded(["tail", "-f", ${JSON.stringify(at("file"))}], { seconds: 60, memory: 2048, output: 1 })`;
    const child = spawn(process.execPath, ["--import", "tsx", "-e", program], { stdio: "ignore" });
    await eventually("its start", async () => isRunning());
    child.kill("SIGKILL");
    await eventually("the end of what it started", async () => !isRunning());
    assert.ok(existsSync(at("file")));
  });
});
