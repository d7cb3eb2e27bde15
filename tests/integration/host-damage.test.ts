import assert from "node:assert/strict";
import { readLedger } from "../../cli/ledger";
import { historyProgram, reportProgram } from "../../core/host/requests";
import { readResult } from "../../core/host/result";
import { exec } from "../../lab/faults";
import { ownHost } from "../faults/support/own-host";
import { deploy, look, requestFor, served, shop } from "../faults/support/shop";
import { runOn } from "../faults/support/ssh";

const FOLDER = "/home/deploy/.everfresh/shop";
const PROJECT = { project: "shop" };

/** What can become of a file, as a command of the shell with the file's name as `$f`. */
const damages = {
  empty: ': >"$f"',
  "cut off": 'head -c $(($(wc -c <"$f") / 2)) "$f" >/tmp/cut && cat /tmp/cut >"$f"',
  "of another kind": 'echo "[1]" >"$f"',
  "not text": 'head -c 3000 /dev/urandom >"$f"',
  missing: 'rm "$f"',
  "a folder": 'rm -rf "$f" && mkdir -p "$f/x"',
  "a pipe": 'rm "$f" && mkfifo "$f"',
  unreadable: 'chmod 0 "$f"',
};
type Damage = keyof typeof damages;
const kinds = Object.keys(damages) as Damage[];
/** `npm run test:faults` goes through all of them. */
const thorough = Number(process.env.EVERFRESH_KILLS ?? 0) > 100;
let turn = 0;
/** The damages to try on the next file: all of them, or one, in turn. */
const some = () => {
  turn += 3;
  return thorough ? kinds : [kinds[turn % kinds.length]!];
};

describe("damaged records on a host", function () {
  this.timeout(600_000);
  const own = ownHost("damage", ["one", "two", "api"], {
    ready: async () => {
      await deployed("r0");
      await deployed();
    },
  });
  let number = 0;

  const request = (id = "r1") => {
    number += 1;
    const release = shop(own.images, id, { page: "one", verify: [{ kind: "command", command: ["true"] }] });
    return requestFor(own.lab, release, { token: `t${number}`, lockWait: 5 });
  };
  const deployed = async (id?: string) => {
    const { status, stderr, result } = await deploy(own.host, request(id));
    assert.equal(status, 0, stderr);
    assert.ok(result);
    return stderr;
  };
  const onHost = (script: string) =>
    exec(own.host, ["sh", "-c", `cd ${FOLDER} && ${script}`], { user: "deploy" });
  const containers = async () => (await look(own.host)).containers.map(({ id }) => id).sort();

  /** Files of the current release, and what the probe says of one that is damaged. */
  const records: { file: string; drift: RegExp }[] = [
    { file: "releases/r1/manifest.json", drift: /^releases\/r1\/manifest\.json on the host is damaged$/ },
    { file: "releases/r1/services", drift: /^services was changed on the host$/ },
    { file: "releases/r1/checks", drift: /^checks was changed on the host$/ },
    { file: "releases/r1/facts", drift: /^facts was changed on the host$/ },
    { file: "releases/r1/compose.yaml", drift: /^compose\.yaml was changed on the host$/ },
    {
      file: "releases/r1/proved",
      drift:
        /^(releases\/r1\/proved on the host is damaged|.* was started with another configuration .*|nothing is deployed)$/,
    },
  ];
  for (const { file, drift } of records) {
    for (const damage of some()) {
      it(`are named and repaired by the next deployment, which touches no container: ${file} is ${damage}`, async () => {
        const before = await containers();
        await onHost(`f=${file}; ${damages[damage]}`);
        const found = await look(own.host);
        assert.ok(
          found.drift.some((text) => drift.test(text)),
          found.drift.join(),
        );
        await deployed();
        const { drift: left, current } = await look(own.host);
        assert.deepEqual([left, current?.id], [[], "r1"]);
        assert.deepEqual(await containers(), before);
      });
    }
  }

  for (const file of ["releases/r1/result.json", "releases/r1/sums"]) {
    for (const damage of some()) {
      it(`stop neither a report nor the next deployment: ${file} is ${damage}`, async () => {
        const before = await containers();
        await onHost(`f=${file}; ${damages[damage]}`);
        await look(own.host);
        const { status, stdout } = await runOn(own.host, reportProgram(PROJECT));
        assert.equal(status, 0);
        const { release, services } = readResult(stdout);
        assert.deepEqual([release, Object.keys(services).sort()], ["r1", ["api", "web"]]);
        await deployed();
        assert.deepEqual((await look(own.host)).drift, []);
        assert.deepEqual(await containers(), before);
      });
    }
  }

  const others: [string, string][] = [
    ...["unfinished", "holder", "replaced", "finished", "ledger.jsonl", "lock"].flatMap((file) =>
      some().map((damage): [string, string] => [
        `${file} that is ${damage}`,
        `f=${file}; [ -f "$f" ] || echo "release r1" >"$f"; ${damages[damage]}`,
      ]),
    ),
    ["a `current` that leads nowhere", "ln -sfn releases/gone current"],
    [
      "a `current` that leads elsewhere",
      "mkdir -p ../x && cp releases/r1/proved ../x && ln -sfn ../x current",
    ],
    ["a `current` that is a file", "rm current && echo releases/r1 >current"],
    ["a `current` that is a folder", "cp -r releases/r1 copy && rm current && mv copy current"],
    ["a `changed` that is a file", "rm -rf changed && echo x >changed"],
    ["a `store` that is a file", "rm -rf store && echo x >store"],
    ["`releases` that are a file", "rm -rf releases && echo x >releases"],
    ["a release that is a file", "rm -rf releases/r1 && echo x >releases/r1"],
    ["a release whose `files` are a file", "rm -rf releases/r1/files && echo x >releases/r1/files"],
    ["a stored file that is no folder", "f=$(echo store/*) && f=${f%% *} && rm -rf $f && echo x >$f"],
    [
      "scratch that is in the way",
      "mkdir -p .current/x unfinished.new/x releases/r1/proved.new/x && echo x >.stage",
    ],
    ["folders that nobody may read", "chmod 0 releases/r1 releases store"],
    [
      "names that are options and lines",
      "touch -- -rf '--help' \"releases/r1/files/-delete\" \"$(printf 'a\\nb')\"",
    ],
  ];
  for (const [what, damage] of others) {
    it(`do not stop the next deployment: ${what}`, async () => {
      await onHost(damage);
      await look(own.host);
      await deployed();
      assert.deepEqual((await look(own.host)).drift, []);
      assert.equal(await served(own.host), "one");
      const { status, stdout } = await runOn(own.host, historyProgram(PROJECT));
      assert.equal(status, 0);
      assert.equal(readLedger(stdout).at(-1)?.release, "r1");
    });
  }

  it("leave every line of the ledger valid JSON, whatever an interrupted deployment left", async () => {
    const facts = ['"tag":"x"', '"tag":"x', '"tag":"x"}', '"a":"b","who":"x"},{"y":1', "", "\u0001"];
    for (const [i, fact] of facts.entries()) {
      await exec(own.host, ["sh", "-c", `cat >${FOLDER}/unfinished`], {
        user: "deploy",
        input: `deployment d"${i}\nrelease r"\\9\nsince "\nwho x\nfacts ${fact}\n`,
      });
      await deployed();
    }
    const { stdout } = await runOn(own.host, historyProgram(PROJECT));
    const lines = stdout
      .trim()
      .split("\n")
      .slice(-2 * facts.length);
    assert.equal(
      lines.map((line) => JSON.parse(line)).filter(({ outcome }) => outcome === "cut off").length,
      facts.length,
    );
  });

  it("do not prevent a release changed by hand from being put back as it is", async () => {
    await onHost("echo '# by hand' >>releases/r1/compose.yaml");
    const sick = requestFor(own.lab, shop(own.images, "sick", { page: "two", sick: true }));
    const { status, stderr } = await deploy(own.host, sick);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /^release r1 was changed by hand on this host; putting it back as it is$/m);
    assert.match(stderr, /^release r1 serves again$/m);
    assert.equal(await served(own.host), "one");
    await deployed();
  });

  it("remove no serving container if they belong to the release being put back", async () => {
    const before = await containers();
    await onHost(": >releases/r1/services");
    const sick = requestFor(own.lab, shop(own.images, "sick", { page: "two", sick: true }), {
      healthTimeout: 6,
    });
    const { status, stderr } = await deploy(own.host, sick);
    assert.equal(status, 4, stderr);
    assert.match(stderr, /^release r1 was changed by hand on this host; putting it back as it is$/m);
    assert.equal(await served(own.host), "one");
    const left = (await look(own.host)).containers.map(({ service }) => service).sort();
    assert.deepEqual(left, ["api", "web"]);
    await deployed();
    assert.deepEqual((await look(own.host)).drift, []);
    assert.equal((await containers()).length, before.length);
  });
});
