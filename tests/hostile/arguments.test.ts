import assert from "node:assert/strict";
import fc from "fast-check";
import { commandLine, inOurForm } from "../../cli/command-line";
import * as pulumi from "../../cli/pulumi/commands";
import { pulumiProblem } from "../../cli/pulumi/run";
import { openSession } from "../../cli/session";
import { Problems } from "../../core/problems";
import { inABox } from "./support/box";
import { anyText, options, shortText } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { assertRefusal, Refusal, valueOrRefusal } from "./support/refusals";

describe("hostile arguments of everfresh", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  /** What of commander's is printed. */
  async function printedBy(act: () => Promise<unknown>): Promise<string> {
    const { write } = process.stderr;
    let printed = "";
    process.stderr.write = ((chunk: string) => {
      printed += chunk;
      return true;
    }) as typeof write;
    try {
      await act();
    } finally {
      process.stderr.write = write;
    }
    return printed;
  }

  it("reach a verb exactly as typed, or are refused in our own words", () => {
    const verbs = [
      "deploy",
      "preview",
      "status",
      "history",
      "logs",
      "explain",
      "rollback",
      "redeploy",
      "unlock",
      "init",
      "verify",
      "completion",
    ];
    const flags = [
      "--stack",
      "-s",
      "--config-file",
      "--json",
      "-j",
      "--yes",
      "-y",
      "-n",
      "--limit",
      "--wait",
      "--file",
      "--no-cache",
      "--unique-tag",
      "--dry-run",
      "--contains",
      "--in",
      "--follow",
      "--running",
      "v1",
      "--",
    ];
    const word = fc.oneof(anyText, fc.constantFrom(...flags, ...options));
    const words = fc.tuple(
      fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...verbs) }, word),
      fc.array(word, { maxLength: 4 }),
    );
    return tryAll("arguments", 400, words, async ([verb, more]) => {
      const typed = [verb, ...more];
      // Both print what they were asked for, to whoever asks.
      if (typed.some((each) => /^--(help|version)$|^-[a-zA-Z]*[hV]/.test(each))) return;
      let calls = 0;
      const program = commandLine(async (options, run) => {
        calls++;
        assert.equal(typeof run, "function");
        for (const value of Object.values(options).flat())
          if (typeof value === "string")
            assert.ok(
              typed.some((each) => each.includes(value)),
              value,
            );
        openSession(options, "/from", false);
      });
      // As cli/main.ts has it.
      program.exitOverride().configureOutput({ outputError: (text, write) => write(`${inOurForm(text)}\n`) });
      const printed = await printedBy(() =>
        valueOrRefusal(() => program.parseAsync(["node", "everfresh", ...typed])),
      );
      assert.ok(calls <= 1);
      assert.equal(printed === "", calls === 1, printed);
      // Without a word that could be a verb, commander shows what there is.
      if (printed !== "" && !printed.startsWith("Usage: ")) assertRefusal([printed.replace(/\n$/, "")]);
    });
  });
});

describe("hostile arguments for pulumi", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  /** How Pulumi's command line (spf13/pflag) reads arguments: these options take the next word, whatever it is. */
  const takesValue = new Set(["--stack", "--config-file", "--event-log", "--target", "--type"]);
  function asPulumiReads(args: readonly string[]): { flags: Record<string, string | true>; words: string[] } {
    const flags: Record<string, string | true> = {};
    const words: string[] = [];
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!;
      if (arg === "--") return { flags, words: [...words, ...args.slice(i + 1)] };
      if (takesValue.has(arg)) flags[arg] = args[++i]!;
      else if (arg.startsWith("-")) flags[arg] = true;
      else words.push(arg);
    }
    return { flags, words };
  }

  it("reach pulumi unchanged", () =>
    tryAll(
      "arguments",
      300,
      fc.tuple(anyText, anyText, anyText, anyText),
      async ([stack, configFile, key, value]) => {
        const target = { stack, configFile, interactive: false };
        const common = { "--stack": stack, "--non-interactive": true } as const;
        const withFile = { ...common, "--config-file": configFile } as const;
        const commands: [string[], ReturnType<typeof asPulumiReads>][] = [
          [
            pulumi.readConfig(target, { secrets: true }),
            { flags: { ...withFile, "--json": true, "--show-secrets": true }, words: ["config"] },
          ],
          [
            pulumi.preview(target, { json: true, eventLog: value }),
            { flags: { ...withFile, "--json": true, "--event-log": value }, words: ["preview"] },
          ],
          [
            pulumi.up(target, { approved: true }),
            { flags: { ...withFile, "--yes": true, "--skip-preview": true }, words: ["up"] },
          ],
          [pulumi.outputs(target), { flags: { ...common, "--json": true }, words: ["stack", "output"] }],
          [
            pulumi.selectStack(target),
            { flags: { "--non-interactive": true, "--create": true }, words: ["stack", "select", stack] },
          ],
          [
            pulumi.setSecret(target, key),
            {
              flags: { ...withFile, "--secret": true, "--path": true },
              words: ["config", "set", `everfresh:${key}`],
            },
          ],
          [
            pulumi.removeAllConfig(target, [key, value]),
            { flags: withFile, words: ["config", "rm-all", `everfresh:${key}`, `everfresh:${value}`] },
          ],
        ];
        for (const [args, expected] of commands) assert.deepEqual(asPulumiReads(args), expected);
        const { flags, words } = asPulumiReads(pulumi.setConfig(target, key, value));
        assert.deepEqual(words, ["config", "set", `everfresh:${key}`, value]);
        for (const flag of Object.keys(flags))
          assert.match(flag, /^--(stack|non-interactive|config-file|type|plaintext|path)$/);
      },
    ));

  it("and pulumi's answers are shown without escapes", () =>
    tryAll(
      "arguments",
      40,
      fc.tuple(fc.array(shortText, { maxLength: 6 }), anyText),
      async ([args, printed]) => {
        const told = await valueOrRefusal(() => {
          throw new Problems([pulumiProblem(["config", "set", ...args], printed)]);
        });
        assert.ok(told instanceof Refusal);
      },
    ));
});
