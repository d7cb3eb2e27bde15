import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Change, changes, identify, describe as inWords } from "../../core/content";
import { build, describeImage, removeImages, requireBuilder } from "./content-support/builder";
import { type Mutation, mutate } from "./content-support/mutate";
import { makeProject, type Project, writeProject } from "./content-support/project";
import { Random } from "./content-support/random";

const MUTATIONS = Number(process.env.EVERFRESH_MUTATIONS ?? 120);
const SEED = Number(process.env.EVERFRESH_SEED ?? 5);
const PER_PROJECT = 16;
const AT_ONCE = 3;

describe("the content hash, compared with the real builder,", function () {
  this.timeout(60_000 + MUTATIONS * 2_000);
  let folder: string;
  before(requireBuilder);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "differential-"));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await removeImages();
  });

  it("changes whenever the image does, hardly ever otherwise, and its changes name what was mutated", async () => {
    const outcomes: Outcome[] = [];
    for (let seed = SEED; outcomes.length < MUTATIONS; seed++) {
      outcomes.push(...(await tryProject(new Random(seed), seed, folder)));
    }
    const unsound = outcomes.filter(({ image, hash }) => image && !hash);
    const imprecise = outcomes.filter(({ image, hash }) => hash && !image);
    const misnamed = outcomes.filter(({ misnamed }) => misnamed);
    const hashes = outcomes.filter(({ hash }) => hash).length;
    const precision = (100 * (hashes - imprecise.length)) / hashes;
    console.log(
      `      ${outcomes.length} mutations: image changed ${outcomes.filter(({ image }) => image).length}, unsound ${unsound.length}; ` +
        `hash changed ${hashes}, in vain ${imprecise.length} (precision ${precision.toFixed(1)} %); misnamed ${misnamed.length}`,
    );
    for (const { what } of [...unsound, ...misnamed, ...imprecise]) console.log(`      ${what}`);
    assert.deepEqual(
      unsound.map(({ what }) => what),
      [],
    );
    assert.deepEqual(
      misnamed.map(({ what }) => what),
      [],
    );
    assert.ok(precision >= 98, `precision is ${precision} %`);
  });
});

interface Outcome {
  /** Whether the image changed. */
  image: boolean;
  hash: boolean;
  misnamed: boolean;
  what: string;
}

/** Outcomes of the mutations that build; none when the project itself does not. */
async function tryProject(random: Random, seed: number, folder: string): Promise<Outcome[]> {
  const project = makeProject(random);
  const before = await observe(project, join(folder, `${seed}`));
  if (!before) return [];
  const mutations = Array.from({ length: PER_PROJECT }, () => mutate(project, random));
  const outcomes: Outcome[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < mutations.length) {
        const number = next++;
        const mutation = mutations[number]!;
        const after = await observe(mutation.project, join(folder, `${seed}-${number}`));
        if (after) outcomes.push(judge(mutation, before, after, `seed ${seed}, ${number}, ${mutation.name}`));
      }
    }),
  );
  return outcomes;
}

type Seen = { identity: Awaited<ReturnType<typeof identify>>; image: string };

async function observe(project: Project, folder: string): Promise<Seen | undefined> {
  const spec = writeProject(project, folder);
  const built = await build(spec);
  const identity = await identify(spec);
  if (!process.env.EVERFRESH_KEEP) rmSync(folder, { recursive: true, force: true });
  return "id" in built ? { identity, image: await describeImage(built.id) } : undefined;
}

/** Whether the build sees the file that was mutated. */
function sees({ named }: Mutation, ...seen: Seen[]): boolean {
  return seen.some(({ identity }) =>
    identity.files.some(({ path }) => named({ kind: "file", how: "changed", path })),
  );
}

function judge(mutation: Mutation, before: Seen, after: Seen, what: string): Outcome {
  const found: Change[] = changes(before.identity, after.identity);
  const hash = found.length > 0;
  const isNamed =
    found.some(mutation.named) || (!sees(mutation, before, after) && found.some(mutation.instead));
  const misnamed = hash && !(isNamed && found.every((c) => mutation.named(c) || mutation.follows(c)));
  const image = before.image !== after.image;
  return { image, hash, misnamed, what: `${what}: ${inWords(found)}` };
}
