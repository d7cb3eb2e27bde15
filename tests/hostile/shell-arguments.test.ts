import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import type { HostProgram } from "../../core/host/program-text";
import {
  doctorProgram,
  historyProgram,
  logsProgram,
  probeProgram,
  reportProgram,
  teardownProgram,
  unlockProgram,
} from "../../core/host/requests";
import type { Check, ReleaseFileEntry } from "../../core/host/types";
import { quote } from "../../core/quote";
import { deploymentProgram, type WrittenRelease, type WrittenRequest } from "../support/written-release";
import { insteadOfMain, printingChecks, runUnder, SHELLS } from "../unit/remote/shells";
import { inABox } from "./support/box";
import { anyText, line, secret, shortText, text } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, rangeError, valueOrRefusal } from "./support/refusals";

const shell = fc.constantFrom(...SHELLS, "sh");
const digest = `sha256:${"a".repeat(64)}`;
const fingerprint = "f".repeat(64);

describe("hostile arguments for a shell", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();

  it("are each passed as one word, byte for byte", () => {
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

  it("are refused if no argument can hold them", () =>
    tryAll("arguments", 100, fc.tuple(anyText, anyText), async ([a, b]) => {
      const word = await valueOrRefusal(() => quote(`${a}\0${b}`), {
        documented: (error) => (error instanceof RangeError ? [] : undefined),
      });
      assert.ok(word instanceof Refusal);
    }));

  it("reach a host's program as values, and make it do nothing else", () => {
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
      const request: WrittenRequest = {
        ...{
          release: { kept: "r1", project: "shop" },
          token: release || "t",
          lineage: release,
          host: release,
          who: release,
        },
        ...{ from: release, stack: release, keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
        registry: { address: "r:5000", username: who, password: password_ },
      };
      const hostProject = { project, remoteDir };
      const programs: [HostProgram, string[], string[]][] = [
        [
          deploymentProgram(request),
          ["token", "who", "from", "stack", "lineage"],
          [release || "t", release, release, release, release],
        ],
        [probeProgram(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [historyProgram(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [reportProgram(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [doctorProgram(hostProject), ["project", "remote_dir"], [project, remoteDir]],
        [unlockProgram(hostProject, 5), ["project", "lock_wait"], [project, "5"]],
        [logsProgram(hostProject, { service: who, tail: 5 }), ["logs_service", "logs_tail"], [who, "5"]],
        [
          teardownProgram({
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

  const release = (overrides: Partial<WrittenRelease>): WrittenRelease => ({
    ...{ id: "r1", project: "shop", tag: "t", compose: "services: {}\n", files: [], services: [] },
    ...overrides,
  });
  const requestFor = (release: WrittenRelease): WrittenRequest => ({
    ...{ release, token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s" },
    ...{ keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
  });

  it("are passed as words in a service's checks, or refused", () => {
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
      const sent = await valueOrRefusal(() => deploymentProgram(requestFor(release({ services }))), {
        documented: rangeError,
      });
      if (sent instanceof Refusal) {
        assert.match(JSON.stringify(verify), /\\u0000/);
        return;
      }
      const script = `mkdir unpacked && cd unpacked && payload | base64 -d | tar -xf - || exit 9
${printingChecks}
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

  it("become the files' names on the host if used in a release, or are refused", () => {
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
      const sent = await valueOrRefusal(() => deploymentProgram(requestFor(release({ files: [file] }))), {
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
