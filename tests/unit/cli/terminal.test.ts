import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { jsonFor, paintFor, table } from "../../../cli/terminal";

describe("text for a terminal", () => {
  it("has colours only on a terminal, and not with NO_COLOR", () => {
    const coloured = (isTTY: boolean, environment: NodeJS.ProcessEnv) =>
      paintFor({ isTTY }, environment)("red", "x") !== "x";
    assert.equal(coloured(true, {}), true);
    assert.equal(coloured(false, {}), false);
    assert.equal(coloured(true, { NO_COLOR: "1" }), false);
    assert.equal(coloured(true, { TERM: "dumb" }), false);
  });

  it("is aligned in columns", () => {
    const rows = [
      ["a", "b"],
      ["long", ""],
    ];
    assert.deepEqual(table(rows), ["a     b", "long"]);
  });

  it("escapes terminal control characters in JSON without changing its value", () => {
    const value = { "a\u009b": "\u001b[31m \u007f \u202e \u2069 ü" };
    const text = jsonFor(value);
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u2069]/);
    assert.deepEqual(JSON.parse(text), value);
  });

  it("may lose its reader (`| head`) without an error", async function () {
    this.timeout(20_000);
    const everfresh = path.join(__dirname, "../../../cli/everfresh.js");
    const child = spawn(everfresh, ["--help"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    const [status] = await once(child, "close");
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  });
});
