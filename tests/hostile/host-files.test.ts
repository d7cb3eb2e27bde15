import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { readLedger } from "../../cli/ledger";
import { parseProbe } from "../../core/host/probe";
import type { HostProgram } from "../../core/host/program-text";
import { historyProgram, logsProgram, probeProgram, reportProgram } from "../../core/host/requests";
import { calm, container } from "../unit/core/host/states";
import { insteadOfMain, runUnder, SHELLS } from "../unit/remote/shells";
import { inABox, listing } from "./support/box";
import type { Played } from "./support/engine";
import { bytes, commands, damagedText, json, shortText } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { placeless, Refusal, valueOrRefusal } from "./support/refusals";

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

  it("are reported as facts by the probe, or refused in our own words", () =>
    tryAll(
      "stored files",
      40,
      fc.tuple(shell, fc.array(damages, { minLength: 1, maxLength: 3 })),
      async ([shell, damage]) => {
        const { stdout } = read(shell, probeProgram(project), host(damage));
        const state = await valueOrRefusal(() => parseProbe(stdout), { documented: placeless });
        if (state instanceof Refusal) return;
        // The container that runs is there, whatever the files say.
        assert.equal(state.containers.length, 1);
        assert.equal(state.containers[0]!.id, container("web").id);
      },
    ));

  it("are read as the ledger, as far as it is intact", () =>
    tryAll("stored files", 20, fc.tuple(shell, damages), async ([shell, damage]) => {
      const { stdout } = read(shell, historyProgram(project), host([damage]));
      for (const { release, at } of readLedger(stdout))
        assert.deepEqual([typeof release, typeof at], ["string", "string"]);
    }));

  it("are read as the last proof, or refused in our own words", () => {
    const result = "releases/r1/result.json";
    const broken = damagedText(goodFiles[result]!).map(
      (text): Damage => ({ file: result, how: "bytes", bytes: Buffer.from(text) }),
    );
    return tryAll("stored files", 40, fc.tuple(shell, fc.oneof(damages, broken)), async ([shell, damage]) => {
      const { status, stdout, stderr } = read(shell, reportProgram(project), host([damage]));
      if (status === 0) assert.equal((JSON.parse(stdout) as { release: string }).release, "r1");
      else assert.match(stderr, /^shop: .+; .+\n$/);
    });
  });

  it("never execute a container's label while its log is read", () =>
    tryAll("stored files", 30, fc.tuple(shell, labels), async ([shell, label]) => {
      const { stdout, stderr } = read(shell, logsProgram(project, { tail: 5 }), host([], label));
      assert.ok(stdout.includes("a line of its log"), `the log is lost: ${stderr}`);
    }));

  it("never forge a line of the proof with a container's label", () =>
    tryAll("stored files", 30, fc.tuple(shell, labels), ([shell, label]) => {
      const { env, folder } = host([], label);
      const script = `request; folder='${folder}'; cd "$folder"; nl='
'; engine_limit=5 previous='' observed='' observed_images='' release_images=''; observe; runs_now`;
      const { stdout, stderr } = runUnder(shell, insteadOfMain(probeProgram(project), script), env);
      assert.equal(stderr, "");
      const lines = stdout.split("\n").slice(0, -1);
      assert.equal(lines.length, 1, stdout);
      assert.match(lines[0]!, /^runs sha256:/);
    }));

  it("never forge a fact of the probe with a container's label", () =>
    tryAll("stored files", 30, fc.tuple(shell, labels), async ([shell, label]) => {
      const { stdout } = read(shell, probeProgram(project), host([], label));
      const state = parseProbe(stdout);
      assert.deepEqual([state.token, state.lineage, state.containers.length], ["calm", "l", 1]);
      assert.equal(state.containers[0]!.service, label);
    }));
});
