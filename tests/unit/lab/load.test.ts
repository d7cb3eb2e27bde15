import assert from "node:assert/strict";
import { startLoad } from "../../../lab/load";

describe("a load", () => {
  it("refuses a rate that leaves a stream without requests", async () => {
    await assert.rejects(
      startLoad("http://127.0.0.1:1", { rate: 9 }),
      /^RangeError: load: .* use 10 or more$/,
    );
  });
});
