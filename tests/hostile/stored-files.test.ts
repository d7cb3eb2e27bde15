import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { readManifest } from "../../adapters/manifests";
import { readMemory } from "../../adapters/onbuild-memory";
import { readLedger } from "../../cli/ledger";
import { stackFile } from "../../cli/stack-file";
import { type ContentIdentity, changes, describe as inWords, StatCache } from "../../core/content";
import { STAT_FIELDS } from "../../core/content/files/file-work";
import { parseProbe } from "../../core/host/probe";
import { type HostProgram, historyStdin, logsStdin, probeStdin, reportStdin } from "../../core/host/program";
import { calm, container } from "../unit/core/host/states";
import { insteadOfMain, runUnder, SHELLS } from "../unit/remote/shells";
import { inABox, listing } from "./support/box";
import type { Played } from "./support/engine";
import { anyText, bytes, commands, damaged, damagedText, json, shortText, text } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { placeless, Refusal, valueOrRefusal } from "./support/refusals";

/** A good file that is damaged, or something else altogether. */
const fileOf = (document: unknown): fc.Arbitrary<Buffer> =>
  fc.oneof(
    { weight: 3, arbitrary: damaged(document).map((each) => Buffer.from(JSON.stringify(each) ?? "")) },
    { weight: 1, arbitrary: damagedText(JSON.stringify(document)).map((each) => Buffer.from(each)) },
    { weight: 1, arbitrary: json.map((each) => Buffer.from(JSON.stringify(each))) },
    { weight: 1, arbitrary: bytes },
  );

const content = "e".repeat(64);
const identity: ContentIdentity = {
  content,
  wholeContext: false,
  reasons: ["COPY . reads the whole context"],
  files: [
    { path: "src/a.js", type: "file", mode: "0644", sha256: "a".repeat(64) },
    { path: "link", type: "symlink", mode: "0777", sha256: "b".repeat(64), context: "base" },
  ],
  inputs: {
    args: { A: "1" },
    dockerfile: [{ text: "FROM", from: ["image node"] }, { text: "COPY . ." }],
    target: "last",
    labels: {},
  },
  ignoreFiles: [{ path: ".dockerignore", sha256: "c".repeat(64) }],
};

describe("hostile files of a checkout", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();
  const store = (name: string, content: Buffer) => {
    const file = path.join(box.own, ".everfresh", name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  };

  it("as what a content hash stands for explain something, or are nothing", () =>
    tryAll("stored files", 250, fileOf(identity), async (file) => {
      store(`content/${content}.json`, file);
      const before = await readManifest(content);
      if (before === undefined) return;
      const now = { ...identity, content: "f".repeat(64), inputs: { args: { A: "2" } } };
      for (const [a, b] of [
        [before, now],
        [now, before],
      ] as const)
        assert.equal(typeof inWords(changes(a, b)), "string");
    }));

  it("are read for no hash that leads elsewhere", () => {
    const leading = fc.oneof(
      anyText,
      fc.constantFrom("../../../../outside/manifest", "../../../sibling-manifest", "/outside/manifest"),
    );
    return tryAll("stored files", 120, leading, async (name) => {
      store(`content/${content}.json`, Buffer.from(JSON.stringify(identity)));
      writeFileSync(path.join(box.own, "manifest.json"), JSON.stringify(identity));
      for (const way of [name, `../../manifest`, `../../../own/manifest`, path.join(box.own, "manifest")])
        assert.equal(await readManifest(way), undefined, way);
    });
  });

  it("as what base images said are whole, or nothing", () =>
    tryAll(
      "stored files",
      200,
      fileOf({ "node:20": { digest: `sha256:${content}`, onBuild: ["COPY . ."] } }),
      async (file) => {
        store("onbuild.json", file);
        for (const { digest, onBuild } of Object.values(await readMemory())) {
          assert.ok(digest === undefined || typeof digest === "string");
          for (const each of onBuild) assert.equal(typeof each, "string");
        }
      },
    ));

  it("as digests of unchanged files are believed whole, or not at all", () => {
    const root = "/project";
    const stats = Float64Array.from({ length: STAT_FIELDS }, (_, i) => i + 1);
    const folder = path.join(box.own, ".everfresh", "cache");
    const damage = fc.record({
      at: fc.nat(100_000),
      bytes,
      how: fc.constantFrom("cut", "insert", "overwrite", "replace"),
    });
    return tryAll("stored files", 150, damage, ({ at, bytes, how }) => {
      rmSync(folder, { recursive: true, force: true });
      const cache = StatCache.open(folder);
      cache.of(root).remember("a", stats, 0, "a".repeat(64), 1e15);
      cache.of(root).remember("__proto__", stats, 0, "b".repeat(64), 1e15);
      cache.save();
      const [line] = listing(folder);
      const file = /^(\S+) /.exec(line!)![1]!;
      const good = Buffer.from(line!.slice(line!.indexOf(" ", file.length + 1) + 1), "latin1");
      const place = at % good.length;
      const bad = {
        cut: good.subarray(0, place),
        insert: Buffer.concat([good.subarray(0, place), bytes, good.subarray(place)]),
        overwrite: Buffer.concat([good.subarray(0, place), bytes, good.subarray(place + bytes.length)]),
        replace: bytes,
      }[how]!;
      writeFileSync(file, bad);
      const folderCache = StatCache.open(folder).of(root);
      for (const name of ["a", "__proto__", "toString", ""]) {
        const digest = folderCache.lookup(name, stats, 0);
        if (bad.equals(good)) continue;
        assert.equal(digest, undefined, `believes a file that was ${how}`);
      }
    });
  });

  it("of a stack by any name are in the checkout", () =>
    tryAll("stored files", 80, text, (stack) => {
      const { PULUMI_STACK } = process.env;
      process.env.PULUMI_STACK = stack;
      try {
        const file = stackFile({});
        if (file !== undefined) assert.match(path.basename(file), /^Pulumi\..*\.yaml$/s);
      } finally {
        if (PULUMI_STACK === undefined) delete process.env.PULUMI_STACK;
        else process.env.PULUMI_STACK = PULUMI_STACK;
      }
    }));
});

const fingerprint = "f".repeat(64);
const digest = `sha256:${"a".repeat(64)}`;
const manifest = calm().current!;

/** The folder of a project on a host, after one good deployment. */
const goodFiles: Record<string, string> = {
  "releases/r1/compose.yaml": stringify({ services: { web: { image: `r/web@${digest}` } } }),
  "releases/r1/manifest.json": `${JSON.stringify(manifest)}\n`,
  "releases/r1/services": `web|r/web@${digest}|${digest}|1||${fingerprint}||\n`,
  "releases/r1/checks": "http web 80 / 200 ''\n",
  "releases/r1/facts": `"tag":"t","services":{}`,
  "releases/r1/sums": `${"0".repeat(64)}  ./compose.yaml\n`,
  "releases/r1/proved":
    "deployment d1\nserial 1\nat 2026-03-01T10:00:05Z\ntoken calm\nlineage l\nwho ann\nfrom laptop\nstack prod\nhost web1\nruns sha256:b|hash|running|web\n",
  "releases/r1/result.json": `${JSON.stringify({ release: "r1", verifiedAt: "2026-03-01T10:00:05Z", services: {}, seconds: {} })}\n`,
  [`store/${fingerprint}/x`]: "x",
  "ledger.jsonl": `${JSON.stringify({ deployment: "d1", release: "r1", at: "2026-03-01T10:00:00Z", outcome: "deployed" })}\n`,
  unfinished:
    'deployment d2\nrelease r2\nsince 2026-03-01T11:00:00Z\nwho bob\nfrom desk\nstack prod\nlineage l\ntoken t\nfacts "tag":"t"\n',
  holder: "who bob\nfrom desk\nsince 2026-03-01T11:00:00Z\nrelease r2\npid 1\n",
  lock: "",
  replaced: "",
};

type Damage =
  | { file: string; how: "bytes"; bytes: Buffer }
  | { file: string; how: "gone" | "folder" | "outside" | "dangling" }
  | { file: "current"; how: "elsewhere"; target: string };

const damages: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(...Object.keys(goodFiles)).chain((file) =>
      fc
        .oneof(
          damagedText(goodFiles[file]!).map((each) => Buffer.from(each)),
          bytes,
          json.map((each) => Buffer.from(`${JSON.stringify(each)}\n`)),
        )
        .map((bytes): Damage => ({ file, how: "bytes", bytes })),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      file: fc.constantFrom(...Object.keys(goodFiles)),
      how: fc.constantFrom("gone" as const, "folder" as const, "outside" as const, "dangling" as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        fc.constantFrom(
          "releases/r2",
          "../../../../outside",
          "/",
          ".",
          "..",
          "releases/../releases/r1",
          "current",
        ),
        shortText.filter((each) => each !== ""),
      )
      .map((target): Damage => ({ file: "current", how: "elsewhere", target })),
  },
);

/** The label of a container that somebody else has made: docker takes any text. */
const labels = fc.oneof(shortText, fc.constantFrom(...commands));

describe("hostile files and containers of a host", function () {
  this.timeout(patienceFor(60_000));
  const box = inABox();
  const shell = fc.constantFrom(...SHELLS);
  const project = { project: "shop" };

  let engine: { folder: string; process: ChildProcess };
  before(async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-engine-"));
    const script = path.join(__dirname, "support", "engine.ts");
    const args = ["--import", "tsx", script, path.join(folder, "socket"), path.join(folder, "played.json")];
    const process_ = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
    engine = { folder, process: process_ };
    await once(process_.stdout!, "data");
  });
  after(() => {
    engine.process.kill();
    rmSync(engine.folder, { recursive: true });
  });

  /** A host's home with a damaged project in it, and an engine with one container with a label of somebody's making. */
  function host(damage: readonly Damage[], label = "web"): { env: NodeJS.ProcessEnv; folder: string } {
    const home = path.join(box.own, "host");
    rmSync(home, { recursive: true, force: true });
    const folder = path.join(home, ".everfresh", "shop");
    const write = (file: string, content: string | Buffer) => {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), content);
    };
    for (const [file, content] of Object.entries(goodFiles)) write(file, content);
    mkdirSync(path.join(folder, "releases/r1/files"));
    symlinkSync(`../../../store/${fingerprint}`, path.join(folder, "releases/r1/files", fingerprint));
    symlinkSync("releases/r1", path.join(folder, "current"));
    for (const each of damage) {
      const file = path.join(folder, each.file);
      rmSync(file, { recursive: true, force: true });
      if (each.how === "bytes") write(each.file, each.bytes);
      else if (each.how === "folder") mkdirSync(file);
      else if (each.how === "outside") symlinkSync(path.join(box.outside, "file"), file);
      else if (each.how === "dangling") symlinkSync("nowhere", file);
      else if (each.how === "elsewhere") symlinkSync(each.target, file);
    }
    const { id, imageId } = container("web");
    const compose = {
      project: "shop",
      oneoff: "False",
      service: label,
      "config-hash": label,
      image: imageId,
      "project.working_dir": folder,
    };
    const played: Played = {
      id,
      imageId,
      digest,
      labels: Object.fromEntries(
        Object.entries(compose).map(([key, text]) => [`com.docker.compose.${key}`, text]),
      ),
      log: "2026-03-01T10:00:00Z a line of its log\n",
    };
    writeFileSync(path.join(engine.folder, "played.json"), JSON.stringify(played));
    return { env: { HOME: home, DOCKER_HOST: `unix://${engine.folder}/socket` }, folder };
  }

  /** Runs one of the verbs that only read: it ends, and leaves everything as it was. */
  function read(shell: string, program: HostProgram, { env, folder }: ReturnType<typeof host>) {
    const before = listing(folder);
    const run = runUnder(shell, program, env);
    assert.deepEqual(listing(folder), before, "a verb that reads has written");
    assert.ok(run.status === 0 || run.status === 1, `status ${run.status}: ${run.stderr}`);
    return run;
  }

  it("are told by the probe as facts, or refused in our own words", () =>
    tryAll(
      "stored files",
      40,
      fc.tuple(shell, fc.array(damages, { minLength: 1, maxLength: 3 })),
      async ([shell, damage]) => {
        const { stdout } = read(shell, probeStdin(project), host(damage));
        const state = await valueOrRefusal(() => parseProbe(stdout), { documented: placeless });
        if (state instanceof Refusal) return;
        // The container that runs is there, whatever the files say.
        assert.equal(state.containers.length, 1);
        assert.equal(state.containers[0]!.id, container("web").id);
      },
    ));

  it("are the ledger, as far as it is whole", () =>
    tryAll("stored files", 20, fc.tuple(shell, damages), async ([shell, damage]) => {
      const { stdout } = read(shell, historyStdin(project), host([damage]));
      for (const { release, at } of readLedger(stdout))
        assert.deepEqual([typeof release, typeof at], ["string", "string"]);
    }));

  it("are the last proof, or a refusal in our own words", () => {
    const result = "releases/r1/result.json";
    const broken = damagedText(goodFiles[result]!).map(
      (text): Damage => ({ file: result, how: "bytes", bytes: Buffer.from(text) }),
    );
    return tryAll("stored files", 40, fc.tuple(shell, fc.oneof(damages, broken)), async ([shell, damage]) => {
      const { status, stdout, stderr } = read(shell, reportStdin(project), host([damage]));
      if (status === 0) assert.equal((JSON.parse(stdout) as { release: string }).release, "r1");
      else assert.match(stderr, /^shop: .+; .+\n$/);
    });
  });

  it("carry out no label of a container while its log is read", () =>
    tryAll("stored files", 30, fc.tuple(shell, labels), async ([shell, label]) => {
      const { stdout, stderr } = read(shell, logsStdin(project, { tail: 5 }), host([], label));
      assert.ok(stdout.includes("a line of its log"), `the log is lost: ${stderr}`);
    }));

  it("forge no line of what was proved by the label of a container", () =>
    tryAll("stored files", 30, fc.tuple(shell, labels), ([shell, label]) => {
      const { env, folder } = host([], label);
      const script = `request; folder='${folder}'; cd "$folder"; nl='
'; engine_limit=5 previous='' observed='' observed_images='' release_images=''; observe; runs_now`;
      const { stdout, stderr } = runUnder(shell, insteadOfMain(probeStdin(project), script), env);
      assert.equal(stderr, "");
      const lines = stdout.split("\n").slice(0, -1);
      assert.equal(lines.length, 1, stdout);
      assert.match(lines[0]!, /^runs sha256:/);
    }));

  it("forge no fact of the probe by the label of a container", () =>
    tryAll("stored files", 30, fc.tuple(shell, labels), async ([shell, label]) => {
      const { stdout } = read(shell, probeStdin(project), host([], label));
      const state = parseProbe(stdout);
      assert.deepEqual([state.token, state.lineage, state.containers.length], ["calm", "l", 1]);
      assert.equal(state.containers[0]!.service, label);
    }));
});
