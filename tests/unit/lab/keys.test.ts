import assert from "node:assert/strict";
import { utils } from "ssh2";
import { newKeys } from "../../../lab/keys";

describe("newKeys", () => {
  it("makes keys that can always be read", () => {
    // If one in 256 were unreadable, 2,000 readable ones would have a chance of 1 in 2,500.
    for (let i = 0; i < 2_000; i++) {
      const keys = newKeys("a lab");
      for (const key of [keys.private, keys.public]) {
        const read = utils.parseKey(key);
        assert.ok(!(read instanceof Error), String(read));
      }
    }
  });
});
