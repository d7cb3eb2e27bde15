/** Numbers in [0, 1) that a seed gives again (mulberry32): a failure names its seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a long suite: another one each time, unless `EVERFRESH_SEED` names one. What fails says which it was. */
export const longSeed = (): number => Number(process.env.EVERFRESH_SEED ?? Date.now() % 1e6);
