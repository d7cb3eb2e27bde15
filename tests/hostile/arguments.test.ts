import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { commandLine, inOurForm } from "../../cli/command-line";
import * as pulumi from "../../cli/pulumi/commands";
import { explain } from "../../cli/pulumi/run";
import { openSession } from "../../cli/session";
import {
  deployStdin,
  doctorStdin,
  type HostProgram,
  historyStdin,
  logsStdin,
  probeStdin,
  reportStdin,
  teardownStdin,
  unlockStdin,
} from "../../core/host/program";
import type { Check, DeployRequest, Release, ReleaseFileEntry } from "../../core/host/types";
import { Problems } from "../../core/problems";
import { quote } from "../../core/quote";
import { insteadOfMain, runUnder, SHELLS } from "../unit/remote/shells";
import { inABox } from "./support/box";
import { anyText, line, options, secret, shortText, text } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { assertRefusal, Refusal, rangeError, valueOrRefusal } from "./support/refusals";

const shell = fc.constantFrom(...SHELLS, "sh");
const digest = `sha256:${"a".repeat(64)}`;
const fingerprint = "f".repeat(64);

describe("hostile arguments of everfresh", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  /** What of commander's is printed. */
  async function printedBy(act: () => Promise<unknown>): Promise<string> {
    const { write } = process.stderr;
    let said = "";
    process.stderr.write = ((chunk: string) => {
      said += chunk;
      return true;
    }) as typeof write;
    try {
      await act();
    } finally {
      process.stderr.write = write;
    }
    return said;
  }

  it("are a verb's with just what was typed, or refused in our own words", () => {
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
      const said = await printedBy(() =>
        valueOrRefusal(() => program.parseAsync(["node", "everfresh", ...typed])),
      );
      assert.ok(calls <= 1);
      assert.equal(said === "", calls === 1, said);
      // Without a word that could be a verb, commander shows what there is.
      if (said !== "" && !said.startsWith("Usage: ")) assertRefusal([said.replace(/\n$/, "")]);
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

  it("stay the values that they are", () =>
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
            pulumi.removeConfig(target, key),
            { flags: { ...withFile, "--path": true }, words: ["config", "rm", `everfresh:${key}`] },
          ],
        ];
        for (const [args, expected] of commands) assert.deepEqual(asPulumiReads(args), expected);
        const { flags, words } = asPulumiReads(pulumi.setConfig(target, key, value));
        assert.deepEqual(words, ["config", "set", `everfresh:${key}`, value]);
        for (const flag of Object.keys(flags))
          assert.match(flag, /^--(stack|non-interactive|config-file|type|plaintext|path)$/);
      },
    ));

  it("and its answers are told without escapes", () =>
    tryAll(
      "arguments",
      40,
      fc.tuple(fc.array(shortText, { maxLength: 6 }), anyText),
      async ([args, said]) => {
        const told = await valueOrRefusal(() => {
          throw new Problems([explain(["config", "set", ...args], said)]);
        });
        assert.ok(told instanceof Refusal);
      },
    ));
});

describe("hostile arguments for a shell", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();

  it("are each one word, to the byte", () => {
    const batch = fc.tuple(shell, fc.array(text, { minLength: 20, maxLength: 60 }), fc.boolean());
    const carried = async ([shell, words, onStdin]: [string, string[], boolean]) => {
      const script = `printf '%s\\0' ${words.map(quote).join(" ")}`;
      const [command, ...more] = shell.split(" ");
      // As a host gets its program; and as an argument, which the kernel allows to be only so long.
      const { stdout, status } =
        onStdin || script.length > 100_000
          ? spawnSync(command!, [...more, "-c", 'eval "$(cat)"'], { input: script, maxBuffer: 1 << 28 })
          : spawnSync(command!, [...more, "-c", script], { maxBuffer: 1 << 28 });
      assert.equal(status, 0);
      const expected = Buffer.from(words.map((word) => `${word}\0`).join(""));
      assert.ok(stdout.equals(expected), `under ${shell}: ${firstDifference(stdout, words)}`);
    };
    return tryAll("arguments", 30, batch, carried, { each: ([, words]) => words.length });
  });

  const firstDifference = (stdout: Buffer, words: string[]) => {
    const got = stdout.toString().split("\0");
    const at = words.findIndex((word, i) => got[i] !== word);
    return `${JSON.stringify(words[at])} arrived as ${JSON.stringify(got[at])}`;
  };

  it("are refused when no argument can hold them", () =>
    tryAll("arguments", 100, fc.tuple(anyText, anyText), async ([a, b]) => {
      const word = await valueOrRefusal(() => quote(`${a}\0${b}`), {
        documented: (error) => (error instanceof RangeError ? [] : undefined),
      });
      assert.ok(word instanceof Refusal);
    }));

  it("reach a host's program as its values, and it does nothing but its own", () => {
    const input = fc.record({
      shell,
      who: shortText,
      project: shortText,
      remoteDir: shortText,
      password: anyText,
      release: line,
    });
    return tryAll("arguments", 15, input, async ({ shell, who, project, remoteDir, password, release }) => {
      const password_ = `${secret}${password}`;
      const request: DeployRequest = {
        ...{
          release: { kept: "r1", project: "shop" },
          token: release || "t",
          lineage: release,
          host: release,
          who: release,
        },
        ...{ from: release, stack: release, keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
        registry: { address: "r:5000", username: who, password: password_, insecure: false },
      };
      const hostProject = { project, remoteDir };
      const programs: [HostProgram, string[], string[]][] = [
        [
          deployStdin(request),
          ["token", "who", "from", "stack", "lineage"],
          [release || "t", release, release, release, release],
        ],
        [probeStdin(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [historyStdin(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [reportStdin(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [doctorStdin(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [unlockStdin(hostProject, 5), ["project", "lock_wait"], [project, "5"]],
        [logsStdin(hostProject, { service: who, tail: 5 }), ["logs_service", "logs_tail"], [who, "5"]],
        [
          teardownStdin({
            ...hostProject,
            lineage: who,
            host: who,
            who,
            from: who,
            lockWait: 1,
            volumes: false,
          }),
          ["project", "lineage", "host", "who", "from"],
          [project, who, who, who, who],
        ],
      ];
      for (const [program, names, values] of programs) {
        assert.ok(!program.command.includes(secret), "a secret among a host's arguments");
        const print = `request; printf '%s\\0' ${names.map((name) => `"$${name}"`).join(" ")}`;
        const { stdout, stderr } = runUnder(shell, insteadOfMain(program, print));
        assert.equal(stderr, "");
        assert.deepEqual(stdout.split("\0").slice(0, -1), values);
      }
      const login = runUnder(
        shell,
        insteadOfMain(programs[0]![0], `request; printf '%s' "$registry_login"`),
      ).stdout;
      assert.deepEqual(JSON.parse(login), { ServerURL: "r:5000", Username: who, Secret: password_ });
    });
  });

  const release = (overrides: Partial<Release>): Release => ({
    ...{ id: "r1", project: "shop", tag: "t", compose: "services: {}\n", files: [], services: [] },
    ...overrides,
  });
  const requestFor = (release: Release): DeployRequest => ({
    ...{ release, token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s" },
    ...{ keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
  });

  it("in the checks of a service are its words, or refused", () => {
    const input = fc.record({
      shell,
      command: fc.array(anyText, { minLength: 1, maxLength: 6 }),
      path: line,
      contains: anyText,
      body: anyText,
    });
    return tryAll("arguments", 40, input, async ({ shell, command, path, contains, body }) => {
      const verify: Check[] = [
        { kind: "command", command },
        { kind: "file", path: `/${path}`, contains },
        { kind: "http", port: 80, path: "/a?b=$c'", status: 204, body },
      ];
      const services = [
        {
          name: "web",
          image: `r/web@${digest}`,
          content: "c".repeat(64),
          digest,
          replicas: 1,
          files: [],
          verify,
        },
      ];
      const sent = await valueOrRefusal(() => deployStdin(requestFor(release({ services }))), {
        documented: rangeError,
      });
      if (sent instanceof Refusal) {
        assert.match(JSON.stringify(verify), /\\u0000/);
        return;
      }
      const script = `mkdir unpacked && cd unpacked && payload | base64 -d | tar -xf - || exit 9
command_in() { printf 'command\\0'; printf '%s\\0' "$@"; }
file_in() { printf 'file\\0'; printf '%s\\0' "$@"; }
http() { printf 'http\\0'; printf '%s\\0' "$@"; }
. ./release/checks`;
      const { stdout, status } = runUnder(shell, insteadOfMain(sent, script));
      rmSync(path_("unpacked"), { recursive: true });
      assert.equal(status, 0);
      const words = [
        "command",
        "web",
        ...command,
        "file",
        "web",
        `/${path}`,
        contains,
        "http",
        "web",
        "80",
        "/a?b=$c'",
        "204",
        body,
      ];
      assert.deepEqual(
        stdout.split("\0").slice(0, -1),
        words.map((word) => word.toWellFormed()),
      );
    });
  });
  const path_ = (name: string) => path.join(box.own, name);

  it("as names in a release are its files' names on the host, or refused", () => {
    const name = fc.oneof(
      anyText,
      fc.tuple(anyText, anyText).map((parts) => parts.join("/")),
    );
    const input = fc.tuple(shell, fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), shortText);
    return tryAll("arguments", 60, input, async ([shell, names, target]) => {
      const entries = names.flatMap((name): ReleaseFileEntry[] => {
        const parents = name.split("/").slice(0, -1);
        const folders = parents.map((_, i) => ({
          type: "directory" as const,
          path: parents.slice(0, i + 1).join("/"),
        }));
        return [
          ...folders,
          { type: "file", path: name, executable: false, bytes: Buffer.from(`bytes of ${name}`) },
        ];
      });
      entries.push({ type: "symlink", path: "the-link", target: target || "x" });
      const file = { fingerprint, path: "x", entries };
      const sent = await valueOrRefusal(() => deployStdin(requestFor(release({ files: [file] }))), {
        documented: rangeError,
      });
      if (sent instanceof Refusal) return;
      // What no file system takes is a failed deployment, and nothing else.
      const possible = names.every(
        (name) => name.split("/").every((part) => Buffer.byteLength(part) < 256) && name.length < 4000,
      );
      const distinct = new Set(entries.map(({ path }) => path.toWellFormed())).size === entries.length;
      const script = `mkdir unpacked && (umask 022 && payload | base64 -d | tar -xpomf - -C unpacked) 2>/dev/null || exit 9
cd unpacked/store/${fingerprint} && find . -type f -print0; readlink the-link; printf '\\0'`;
      const { stdout, status } = runUnder(shell, insteadOfMain(sent, script));
      rmSync(path_("unpacked"), { recursive: true, force: true });
      if (!possible || !distinct || target.length > 4000) return;
      assert.equal(status, 0);
      const found = stdout.split("\0").slice(0, -1);
      assert.equal(found.pop(), `${target || "x"}\n`);
      assert.deepEqual(found.sort(), names.map((name) => `./${name.toWellFormed()}`).sort());
    });
  });
});

describe("hostile values in a request to a host", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  it("are carried, or refused in our own words without a secret", () => {
    const input = fc.record({
      id: anyText,
      name: anyText,
      image: anyText,
      tag: anyText,
      who: anyText,
      remoteDir: anyText,
      address: anyText,
    });
    return tryAll("arguments", 150, input, async ({ id, name, image, tag, who, remoteDir, address }) => {
      const service = { name, image, content: id, digest: tag, replicas: 1, files: [name], verify: [] };
      const request = (overrides: Partial<DeployRequest>): DeployRequest => ({
        release: { kept: "r1", project: "shop" },
        ...{ token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s" },
        ...{ keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
        ...overrides,
      });
      const base = {
        id: "r1",
        project: "shop",
        tag: "t",
        compose: "services: {}\n",
        files: [],
        services: [],
      };
      const requests: DeployRequest[] = [
        request({ release: { kept: id, project: name } }),
        request({ release: { ...base, id, project: name, tag } }),
        request({ release: { ...base, services: [service] } }),
        request({ token: who, lineage: who, host: who, who, from: who, stack: who }),
        request({ remoteDir }),
        request({ registry: { address, username: who, password: secret, insecure: false } }),
      ];
      for (const each of requests) {
        const sent = await valueOrRefusal(() => deployStdin(each), { documented: rangeError });
        if (!(sent instanceof Refusal)) assert.ok(!sent.command.includes(secret));
        else assertRefusal(sent.messages);
      }
    });
  });
});
