import fc from "fast-check";

/** What is tried at random is the same in every run; `EVERFRESH_SEED` names another seed. */
fc.configureGlobal({ seed: Number(process.env.EVERFRESH_SEED ?? 1) });
