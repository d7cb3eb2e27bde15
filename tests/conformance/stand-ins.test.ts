import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { answersOf, parts, standIn } from "./parts";

/** The answers of the official parts were recorded by `npm run test:conformance`. */
for (const part of parts) {
  describe(`the stand-in for ${part.name}`, function () {
    this.timeout(600_000);
    const answers: Record<string, unknown> = JSON.parse(readFileSync(answersOf(part), "utf8"));

    for (const { name, sideBySide, answer } of part.cases) {
      if (sideBySide) continue;
      it(name, async () => {
        assert.deepEqual(await answer(standIn(part)), answers[name]);
      });
    }
  });
}
