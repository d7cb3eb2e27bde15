import assert from "node:assert/strict";
import { eventually } from "../../../lab/poll";

describe("eventually", () => {
  for (const answer of [0, "", null, "yes"])
    it(`returns ${JSON.stringify(answer)} if that is the first answer other than undefined and false`, async () => {
      const answers = [undefined, false as const, answer];
      assert.equal(await eventually("it", async () => answers.shift()), answer);
    });

  it("asks again after a failure", async () => {
    let asked = 0;
    const ask = async () => {
      asked += 1;
      if (asked < 3) throw new Error("not yet");
      return asked;
    };
    assert.equal(await eventually("it", ask), 3);
  });

  it("gives up when the time is up, and names what it waited for and the last failure", async () => {
    const never = eventually(
      "host1: its engine",
      async () => {
        throw new Error("connection refused");
      },
      120,
    );
    await assert.rejects(never, {
      message: "host1: its engine: not ready within 0.12 s; connection refused",
    });
  });
});
