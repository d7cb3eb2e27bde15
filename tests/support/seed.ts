import fc from "fast-check";

/** Random tests try the same inputs in every run, unless `EVERFRESH_SEED` sets another seed. */
fc.configureGlobal({ seed: Number(process.env.EVERFRESH_SEED ?? 1) });
