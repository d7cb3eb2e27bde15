import assert from "node:assert/strict";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

const run = (shell: string, script: string) => {
  const program = insteadOfMain(deploymentOf({ kept: "r1", project: "shop" }), script);
  const { stdout, stderr } = runUnder(shell, program);
  assert.equal(stderr, "");
  return stdout;
};

describe("the tables of facts", () => {
  for (const shell of SHELLS) {
    describe(`under ${shell}`, () => {
      it("have one template for each column of a container", () => {
        const columns = run(shell, "echo $container_columns").trim().split(" ");
        assert.equal(run(shell, 'printf %s "$container_template"').split("|").length, columns.length);
      });

      it("are read by column name, each table into its own arrays", () => {
        const columns = run(shell, "echo $container_columns").trim().split(" ");
        const line = (of: string) =>
          columns.map((name) => (name === "id" ? "c1" : `${name} ${of}`)).join("|");
        for (const [mark, prefix] of [
          ["container", ""],
          ["before", "before_"],
          ["at_start", "at_start_"],
        ] as const) {
          for (const name of columns.slice(1)) {
            const script = `{ echo '${line("now")}' | mark container; echo '${line("then")}' | mark before
echo '${line("first")}' | mark at_start; echo | mark ${mark}; } | awk -F '|' "$tables"'
END { print ${mark}_count, ${mark}s[1], ${prefix}${name}["c1"] }'`;
            const when = { container: "now", before: "then", at_start: "first" }[mark];
            assert.equal(run(shell, script), `1 c1 ${name} ${when}\n`);
          }
        }
      });
    });
  }
});
