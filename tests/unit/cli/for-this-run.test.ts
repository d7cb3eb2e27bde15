import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { forThisRun } from "../../../cli/for-this-run";
import { openSession } from "../../../cli/session";

describe("settings for one run", () => {
  let folder: string;
  let file: string;
  const session = () => openSession({ configFile: file }, "/", false);
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-unit-"));
    file = path.join(folder, "Pulumi.prod.yaml");
    writeFileSync(file, "config:\n  everfresh:tag: nightly\n");
  });
  after(() => rmSync(folder, { recursive: true }));

  it("are given to pulumi with a copy of the stack's file that only its owner can read, and that is removed", async () => {
    let copy = "";
    await forThisRun(session(), { tag: "v1" }, async ({ configFile }, { config }) => {
      copy = configFile!;
      assert.notEqual(copy, file);
      assert.deepEqual(config, { tag: "v1" });
      assert.equal(readFileSync(copy, "utf8"), readFileSync(file, "utf8"));
      assert.equal(statSync(copy).mode & 0o777, 0o600);
      assert.equal(statSync(path.dirname(copy)).mode & 0o777, 0o700);
    });
    assert.equal(existsSync(path.dirname(copy)), false);
  });

  it("leave no copy behind when the run fails", async () => {
    let copy = "";
    await assert.rejects(
      forThisRun(session(), { tag: "v1" }, async ({ configFile }) => {
        copy = configFile!;
        throw new Error("killed");
      }),
      /killed/,
    );
    assert.equal(existsSync(path.dirname(copy)), false);
  });

  it("need no copy if there are none", async () => {
    await forThisRun(session(), {}, async ({ configFile }) => assert.equal(configFile, file));
  });

  it("need no file: a stack may have its configuration elsewhere", async () => {
    const nowhere = openSession({ configFile: path.join(folder, "none.yaml") }, "/", false);
    await forThisRun(nowhere, { tag: "v1" }, async ({ configFile }) =>
      assert.equal(readFileSync(configFile!, "utf8"), ""),
    );
  });
});
