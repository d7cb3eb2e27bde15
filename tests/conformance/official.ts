import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { officialHome } from "./official-home";
import { answersOf, parts, standIn } from "./parts";

/**
 * Asks the official parts and the stand-ins the same questions. `EVERFRESH_OFFICIAL` names a PULUMI_HOME with the official
 * ones, and `EVERFRESH_RECORD=1` records their answers for `npm test`.
 */
const official = officialHome();

describe("official and stand-in", function () {
  this.timeout(600_000);

  for (const part of parts) {
    describe(part.name, () => {
      const answers: Record<string, unknown> = {};
      for (const { name, sideBySide, answer } of part.cases) {
        it(`both: ${name}`, async () => {
          const expected = await answer(path.join(official, part.official));
          if (!sideBySide) answers[name] = expected;
          assert.deepEqual(await answer(standIn(part)), expected);
        });
      }

      it("the official answers are those that `npm test` expects", async () => {
        if (process.env.EVERFRESH_RECORD)
          await writeFile(answersOf(part), `${JSON.stringify(answers, null, 2)}\n`);
        assert.deepEqual(JSON.parse(readFileSync(answersOf(part), "utf8")), answers);
      });
    });
  }
});
