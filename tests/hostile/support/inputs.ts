import assert from "node:assert/strict";
import fc from "fast-check";
import { assertNotCarriedOut, assertNothingGotOut } from "./box";
import { secret } from "./fragments";

/**
 * How many times as many inputs are tried as in `npm test`. More than one is the long form, with a seed of its own each
 * time, unless `EVERFRESH_SEED` names one.
 */
const factor = Number(process.env.EVERFRESH_HOSTILE ?? 1);
const isLong = factor > 1;
const seed = Number(process.env.EVERFRESH_SEED ?? (isLong ? Date.now() % 1e6 : 1));
fc.configureGlobal({ seed });

/** So many inputs at least are tried by the long form. */
const promised = 5000;
/** One input may take this long, in milliseconds, unless a test says otherwise. */
const patience = 10_000;

const tried = new Map<string, number>();

/** What libraries print past everybody who could look at it: Node writes warnings to stderr. */
const warnings: string[] = [];
process.on("warning", ({ message }) => warnings.push(message));

if (isLong) {
  console.log(
    `hostile inputs from seed ${seed}; the same again: EVERFRESH_SEED=${seed} npm run test:hostile`,
  );
  process.on("exit", () => {
    const total = [...tried.values()].reduce((sum, each) => sum + each, 0);
    for (const [surface, count] of tried) console.log(`${String(count).padStart(7)} inputs: ${surface}`);
    console.log(`${String(total).padStart(7)} inputs in all, from seed ${seed}`);
    if (total < promised) {
      console.log(`fewer than ${promised}: raise EVERFRESH_HOSTILE`);
      process.exitCode ||= 1;
    }
  });
}

export interface TryOptions<T> {
  /** How many inputs one is made of: a document carries many values. */
  each?: (input: T) => number;
  /** Milliseconds that one may take. */
  within?: number;
  /** A failure costs too much to be made smaller. */
  dear?: boolean;
}

/**
 * Tries a property with generated inputs, and counts them for a surface. None may be carried out as a command, end too
 * late, or change anything outside of the test's box.
 *
 * @param short - how many times in `npm test`.
 */
export async function tryAll<T>(
  surface: string,
  short: number,
  inputs: fc.Arbitrary<T>,
  property: (input: T) => unknown,
  { each = () => 1, within = patience, dear = false }: TryOptions<T> = {},
): Promise<void> {
  const timed = fc.asyncProperty(inputs, async (input) => {
    tried.set(surface, (tried.get(surface) ?? 0) + each(input));
    const began = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`did not end within ${within} ms`)), within);
    });
    await Promise.race([property(input), late]).finally(() => {
      clearTimeout(timer);
      assertNotCarriedOut();
    });
    // One that held the process up has kept the timer from being heard.
    assert.ok(performance.now() - began < within, `did not end within ${within} ms`);
    for (const warning of warnings.splice(0))
      assert.ok(!warning.includes(secret), `warns of a secret: ${warning}`);
  });
  await fc.assert(timed, {
    seed,
    numRuns: Math.ceil(short * factor),
    endOnFailure: dear,
    // mocha's workers hand on no cause.
    includeErrorInReport: true,
  });
  assertNothingGotOut();
}

/** What a whole test may take, in milliseconds, of which `npm test` has the first argument. */
export const patienceFor = (short: number): number => short * Math.max(1, factor);
