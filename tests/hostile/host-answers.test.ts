import assert from "node:assert/strict";
import fc from "fast-check";
import { judge } from "../../core/host/judge";
import { parseProbe } from "../../core/host/probe";
import { inABox } from "./support/box";
import { anyText, json } from "./support/fragments";
import { answers, assertShown, containers, fact, facts, whole } from "./support/host-facts";
import { patienceFor, tryAll } from "./support/inputs";
import { placeless, Refusal, valueOrRefusal } from "./support/refusals";

describe("hostile facts of a host", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  it("are shown as they are, or refused in our own words", () =>
    tryAll("host answers", 600, answers, async (text) => {
      const state = await valueOrRefusal(() => parseProbe(text), { documented: placeless });
      if (!(state instanceof Refusal)) assertShown(state);
    }));

  it("never look unchanged if something else runs", () => {
    const names = fc.constantFrom("__proto__", "constructor", "toString", "web", "", "web|x");
    return tryAll("host answers", 100, fc.tuple(names, json), async ([service, value]) => {
      // A stranger's container, by whatever name and with whatever it says of itself.
      const stranger = {
        ...containers[0],
        id: "5".repeat(64),
        configHash: value,
        service,
        digests: undefined,
      };
      const text = `${[...facts.slice(0, -1).filter((line) => !/^(locked|holder|unfinished|tampered)/.test(line)), fact(stranger), "end"].join("\n")}\n`;
      const state = await valueOrRefusal(() => parseProbe(text), { documented: placeless });
      if (!(state instanceof Refusal)) assert.notEqual(judge(state).token, "calm");
    });
  });

  it("cannot forge each other", () => {
    const forged = ["token forged", "lineage forged", "deployment forged"].map(
      (line) => `\nproved ${line}\n`,
    );
    const value = fc.tuple(fc.constantFrom(...forged), anyText).map(([line, text]) => text + line);
    return tryAll("host answers", 60, value, async (value) => {
      // A name of somebody's making, in the way that docker prints it.
      const container = fact({ ...containers[0], service: value });
      const state = parseProbe(whole.replace("\nend\n", () => `\n${container}\nend\n`));
      assert.deepEqual([state.token, state.lineage, state.deployment], ["calm", "l", "d1"]);
    });
  });
});
