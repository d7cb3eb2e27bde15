import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { HostProgram } from "../../../core/host/program-text";
import type { Check } from "../../../core/host/types";
import { deploymentProgram, type WrittenRelease, type WrittenRequest } from "../../support/written-release";
import { insteadOfMain, printingChecks, runUnder, SHELLS } from "./shells";

const digest = `sha256:${"a".repeat(64)}`;

function release(verify: Check[] = [], bytes = Buffer.from("x")): WrittenRelease {
  const fingerprint = "f".repeat(64);
  return {
    id: "r1",
    project: "shop",
    tag: "t",
    compose: "services:\n  web:\n    image: x\n    ports: [{target: 80, published: '8080', protocol: tcp}]\n",
    files: [{ fingerprint, path: "x", entries: [{ type: "file", path: "x", executable: false, bytes }] }],
    services: [
      {
        name: "web",
        image: `r/web@${digest}`,
        content: "c".repeat(64),
        digest,
        replicas: 1,
        files: [fingerprint],
        verify,
      },
    ],
  };
}

function request(overrides: Partial<WrittenRequest> = {}): WrittenRequest {
  return {
    release: release(),
    token: "t",
    lineage: "l",
    host: "h",
    who: "w",
    from: "f",
    stack: "s",
    keepReleases: 3,
    lockWait: 1,
    healthTimeout: 1,
    settle: 0,
    ...overrides,
  };
}

/** The program with the values of every verb, so that none is unassigned. */
function wholeProgram(): string {
  const names = ["with_volumes", "logs_service", "logs_tail", "inside_service"];
  for (const part of ["service", "text", "swap", "path", "limit"]) names.push(`search_${part}`);
  const others = names.map((name) => `${name}=''\n`).join("");
  return deploymentProgram(request()).stdin.replace("request() {\n", `request() {\n${others}`);
}

describe("the host's program", function () {
  this.timeout(60_000);

  it("is shellcheck-clean for sh", () => {
    const { stdout, error } = spawnSync("shellcheck", ["-s", "sh", "-"], {
      input: wholeProgram(),
      cwd: join(__dirname, "../../../remote"),
      encoding: "utf8",
    });
    assert.equal(error, undefined, "shellcheck: not found; install it (apt-get install shellcheck)");
    assert.equal(stdout, "");
  });

  it("is shellcheck-clean in what it runs inside a container", () => {
    const printed = insteadOfMain(deploymentProgram(request()), `printf %s "$search_program"`);
    const { stdout: input } = runUnder("dash", printed);
    assert.match(input, /find_place/);
    const { stdout } = spawnSync("shellcheck", ["-s", "sh", "-"], { input, encoding: "utf8" });
    assert.equal(stdout, "");
  });

  it("refuses a request that cannot be sent, and names every problem at once", () => {
    const service = { ...release().services[0]!, name: "a b", image: "$(reboot)", digest: "sha256:short" };
    const wrong = request({
      release: { ...release(), id: "../x", services: [service] },
      token: "a\nb",
      keepReleases: 0,
    });
    assert.throws(
      () => deploymentProgram(wrong),
      (error: RangeError) => {
        for (const part of ['"../x"', '"a b"', '"$(reboot)"', '"sha256:short"', '"a\\nb"', "keepReleases"]) {
          assert.ok(error.message.includes(part), `${part} in ${error.message}`);
        }
        for (const line of error.message.split("\n")) assert.match(line, /^.+: .+; .+$/);
        return true;
      },
    );
    for (const path of ["../x", "/x", "a//b", "a/./b", ""]) {
      const files = [{ ...release().files[0]!, entries: [{ type: "directory" as const, path }] }];
      assert.throws(() => deploymentProgram(request({ release: { ...release(), files } })), RangeError, path);
    }
  });

  for (const shell of SHELLS) {
    describe(`under ${shell}`, () => {
      it("does nothing when its text is cut off, at any point", () => {
        const home = mkdtempSync(join(tmpdir(), "everfresh-cut-"));
        const tools = mkdtempSync(join(tmpdir(), "everfresh-tools-"));
        try {
          // Whoever calls docker, or puts anything into the home folder, has begun to do something.
          writeFileSync(join(tools, "docker"), `#!/bin/sh\necho "$@" >>'${home}/called'\n`);
          chmodSync(join(tools, "docker"), 0o755);
          const { command, stdin } = deploymentProgram(request());
          const step = Math.ceil(stdin.length / 60);
          const cuts = new Set<number>();
          for (let cut = 0; cut < stdin.length - 12; cut += step) cuts.add(cut);
          for (let cut = stdin.length - 12; cut < stdin.length - 1; cut++) cuts.add(cut);
          for (const cut of cuts) {
            const { stdout } = runUnder(
              shell,
              { command, stdin: stdin.slice(0, cut) },
              { HOME: home, PATH: `${tools}:${process.env.PATH}` },
            );
            assert.deepEqual(readdirSync(home), [], `cut after ${cut} of ${stdin.length} characters`);
            assert.equal(stdout, "");
          }
        } finally {
          rmSync(home, { recursive: true });
          rmSync(tools, { recursive: true });
        }
      });

      it("receives every value exactly", () => {
        const line = fc
          .string({ unit: "grapheme", maxLength: 40 })
          .filter((text) => !/[\p{Cc}\u2028\u2029]/u.test(text));
        const nasty = fc.constantFrom(
          `'`,
          `"`,
          "$(id)",
          "`id`",
          "; id",
          "\\",
          "-n",
          " x ",
          "ü€",
          "%s",
          "!!",
          "${HOME}",
        );
        const value = fc.oneof(line, nasty);
        fc.assert(
          fc.property(
            fc.tuple(value, value, value, value),
            fc.string({ unit: "grapheme-ascii" }),
            ([who, from, stack, lineage], password) => {
              const program = deploymentProgram(
                request({
                  who,
                  from,
                  stack,
                  lineage,
                  registry: { address: "r:5000", username: who, password },
                }),
              );
              const print = insteadOfMain(
                program,
                `request; printf '%s\\0' "$who" "$from" "$stack" "$lineage" "$registry_login"`,
              );
              const { stdout, stderr } = runUnder(shell, print);
              assert.equal(stderr, "");
              const [gotWho, gotFrom, gotStack, gotLineage, login] = stdout.split("\0");
              assert.deepEqual([gotWho, gotFrom, gotStack, gotLineage], [who, from, stack, lineage]);
              assert.deepEqual(JSON.parse(login!), { ServerURL: "r:5000", Username: who, Secret: password });
            },
          ),
          { numRuns: 25 },
        );
      });

      it("receives the words of every check exactly", () => {
        const word = fc.oneof(
          fc.string({ unit: "binary", maxLength: 20 }).filter((text) => !text.includes("\0")),
          fc.constantFrom("\n", "a\nb\n", "'", "$(id)", "\\", "-n", ""),
        );
        fc.assert(
          fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), word, (command, contains) => {
            const verify: Check[] = [
              { kind: "command", command },
              { kind: "file", path: "/etc/x y", contains },
              { kind: "http", port: 80, path: "/a?b=$c", status: 204, body: contains },
            ];
            const program = insteadOfMain(
              deploymentProgram(request({ release: release(verify) })),
              `folder=$(mktemp -d) && cd "$folder" && payload | base64 -d | tar -xf - || exit 9
${printingChecks}
. ./release/checks
rm -rf "$folder"`,
            );
            const { stdout, status } = runUnder(shell, program);
            assert.equal(status, 0);
            const text = [
              "command",
              "web",
              ...command,
              "file",
              "web",
              "/etc/x y",
              contains,
              "http",
              "web",
              "80",
              "/a?b=$c",
              "204",
              contains,
            ];
            assert.deepEqual(stdout.split("\0").slice(0, -1), text.map(wellFormed));
          }),
          { numRuns: 20 },
        );
      });

      it("unpacks a payload of megabytes", () => {
        const bytes = randomBytes(6_000_000);
        const program: HostProgram = insteadOfMain(
          deploymentProgram(request({ release: release([], bytes) })),
          "payload | base64 -d | tar -xOf - store | cat",
        );
        const { stdout } = spawnSync("sh", ["-c", program.command.replace(/^sh /, `${shell} `)], {
          input: program.stdin,
          maxBuffer: 1 << 28,
        });
        assert.ok(stdout.equals(bytes));
      });

      it("lists files by bytes, links and modes, and ignores times", () => {
        const script = `
folder=$(mktemp -d) && cd "$folder" && mkdir -p store/a/sub || exit 9
printf x >store/a/one; printf y >store/a/sub/two; ln -s one store/a/link
say_listing() { listing store a | sha256sum; }
say_listing; touch -d @1 store/a/one; say_listing
printf z >store/a/one; say_listing; printf x >store/a/one
for mode in 755 600; do chmod $mode store/a/one; say_listing; done; chmod 644 store/a/one
ln -sfn two store/a/link; say_listing; ln -sfn one store/a/link
printf n >store/a/new; say_listing; rm store/a/new
mv store/a/sub/two store/a/two; say_listing; mv store/a/two store/a/sub/two
say_listing; rm -rf "$folder"`;
        const { stdout, stderr } = runUnder(shell, insteadOfMain(deploymentProgram(request()), script));
        assert.equal(stderr, "");
        const [first, touched, ...others] = stdout.trim().split("\n");
        assert.equal(touched, first);
        assert.equal(others.pop(), first);
        assert.equal(new Set([first, ...others]).size, 7);
      });
    });
  }
});

/** A lone surrogate is no text; UTF-8 has U+FFFD instead. */
const wellFormed = (text: string) => text.toWellFormed();
