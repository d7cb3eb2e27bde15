import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { commandLine } from "../../../cli/command-line";
import { completion, type Shell, shells } from "../../../cli/completion";

const program = commandLine(async () => {});
const verbs = program.commands.map((command) => command.name());

function run(
  shell: string,
  args: string[],
  script = "",
): { status: number | null; stdout: string; stderr: string } {
  const folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-completion-"));
  try {
    writeFileSync(path.join(folder, "a file.yaml"), "");
    writeFileSync(path.join(folder, "script"), script);
    const { status, stdout, stderr, error } = spawnSync(shell, args, { encoding: "utf8", cwd: folder });
    assert.equal(error, undefined, `${shell}: not found`);
    return { status, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What bash offers for the last of these words, sorted. */
function offered(...words: string[]): string[] {
  const typed = words.map((word) => `'${word}'`).join(" ");
  const script = `${completion(program, "bash")}
complete -p everfresh >&2
COMP_WORDS=(everfresh ${typed}) COMP_CWORD=${words.length}
_everfresh
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = run("bash", ["--norc", "-u", "-c", script]);
  assert.equal(status, 0, stderr);
  return stdout.split("\n").filter(Boolean).sort();
}

describe("completion in bash", () => {
  it("parses", () => {
    assert.deepEqual(run("bash", ["-n", "script"], completion(program, "bash")), {
      status: 0,
      stdout: "",
      stderr: "",
    });
  });

  const cases: [string, string[], string[]][] = [
    ["every verb", [""], [...verbs, "--help", "--version"].sort()],
    ["the verbs that begin so", ["re"], ["redeploy"]],
    ["a verb's options that begin so", ["deploy", "--no"], ["--no-cache", "--non-interactive"]],
    ["options after other words", ["logs", "web", "--t"], ["--tail"]],
    ["files for an option that takes one", ["status", "--config-file", "a"], ["a file.yaml"]],
    ["nothing for another value", ["status", "--stack", ""], []],
    ["the words of a fixed list", ["completion", "z"], ["zsh"]],
    ["nothing for a verb that there is not", ["nope", "-"], []],
  ];
  for (const [what, words, expected] of cases)
    it(`offers ${what}`, () => assert.deepEqual(offered(...words), expected));
});

describe("completion", () => {
  for (const shell of ["zsh", "fish"] as const satisfies Shell[]) {
    it(`parses in ${shell}`, () => {
      const { status, stderr } = run(shell, ["-n", "script"], completion(program, shell));
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    });
  }

  for (const shell of shells) {
    it(`knows every verb and option in ${shell}`, () => {
      const script = completion(program, shell);
      for (const { options } of program.commands)
        for (const { long } of options)
          assert.ok(script.includes(shell === "fish" ? `-l ${long!.slice(2)} ` : long!), long);
      for (const verb of verbs) assert.ok(script.includes(verb), verb);
    });
  }
});
