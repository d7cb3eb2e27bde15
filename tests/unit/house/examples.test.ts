import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const examples = path.join(__dirname, "../../../examples");
const contents = (folder: string) =>
  readdirSync(folder)
    .sort()
    .map((file) => [file, readFileSync(path.join(folder, file), "utf8")]);

describe("the examples of a service behind a proxy", () => {
  for (const example of ["nginx", "caddy", "traefik"]) {
    it(`${example} has the same app as haproxy`, () => {
      assert.deepEqual(
        contents(path.join(examples, example, "web")),
        contents(path.join(examples, "haproxy/web")),
      );
    });
  }
});
