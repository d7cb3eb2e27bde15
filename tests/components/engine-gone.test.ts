import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";

const checkout = path.join(__dirname, "..", "..");

/** Runs a program in which a promise is rejected, and returns how it ends and what it prints. */
function end(message: string) {
  const program = `
    process.on("unhandledRejection", (error) => { console.error("shown:", error.message); process.exitCode = 1; });
    require("./components/engine-gone").endWithTheEngine();
    Promise.reject(new Error(${JSON.stringify(message)}));`;
  const { status, stderr } = spawnSync(process.execPath, ["--require", "tsx/cjs", "--eval", program], {
    cwd: checkout,
    encoding: "utf8",
  });
  return { status, stderr };
}

describe("a program whose engine has gone", () => {
  it("ends quietly, because the user has already been told", () => {
    assert.deepEqual(end("Resource monitor is terminating"), { status: 32, stderr: "" });
  });

  it("leaves every other error to Pulumi", () => {
    assert.deepEqual(end("something else"), { status: 1, stderr: "shown: something else\n" });
  });
});
