import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { check, eachOf, type Outcome } from "./check";
import { laidOut, readProjectFile } from "./project-file";

const folder = path.join(__dirname, "projects");
const names = readdirSync(folder).map((file) => path.basename(file, ".yaml"));

/** The version of docker compose here, such as `2.26.1`. */
function composeVersion(): string {
  const printed = execFileSync("docker", ["compose", "version", "--short"], { encoding: "utf8" });
  return /\d+\.\d+\.\d+/.exec(printed)![0];
}

const isOlder = (version: string, than: string) => version.localeCompare(than, "en", { numeric: true }) < 0;

describe("a project of the corpus", function () {
  this.timeout(600_000);
  const outcomes = new Map<string, Promise<Outcome>>();
  let version: string;

  before(async () => {
    version = composeVersion();
    const checking = eachOf(names, os.availableParallelism(), (name) => {
      const outcome = readProjectFile(path.join(folder, `${name}.yaml`)).then((project) =>
        laidOut(project, check),
      );
      outcomes.set(name, outcome);
      return outcome.catch(() => {});
    });
    await checking;
  });

  for (const name of names) {
    it(`gives the result that its file expects: ${name}`, async () => {
      const { expect, since = "2" } = await readProjectFile(path.join(folder, `${name}.yaml`));
      const outcome = await outcomes.get(name)!;
      if (outcome.kind === "unreadable" && isOlder(version, since)) {
        // In compose's own words. Distributions have versions that know more than their number says.
        assert.match(outcome.problems.join("\n"), /^.*compose\.yaml: .*services\.\w+/);
        return;
      }
      if (outcome.kind === "wrong") assert.fail(outcome.differences.join("\n"));
      if ("refused" in expect) {
        assert.ok(outcome.kind !== "accepted", "it is accepted");
        assert.deepEqual(outcome.problems, expect.refused);
      } else {
        assert.ok(outcome.kind === "accepted", JSON.stringify(outcome, undefined, 2));
        assert.deepEqual(outcome.rendering, expect.accepted);
      }
    });
  }
});
