import assert from "node:assert/strict";
import { parseReference } from "../../../core/image-reference";

const DIGEST = `sha256:${"ab".repeat(32)}`;

describe("parseReference", () => {
  const cases: [string, string, string, string][] = [
    ["debian", "docker.io", "library/debian", "latest"],
    ["debian:trixie-slim", "docker.io", "library/debian", "trixie-slim"],
    ["index.docker.io/library/debian", "docker.io", "library/debian", "latest"],
    ["acme/web:1", "docker.io", "acme/web", "1"],
    ["localhost/web", "localhost", "web", "latest"],
    ["localhost:5000/a/b:2", "localhost:5000", "a/b", "2"],
    ["registry.example.com/shop/web", "registry.example.com", "shop/web", "latest"],
    [`[::1]:5000/web:3@${DIGEST}`, "[::1]:5000", "web", DIGEST],
  ];
  for (const [name, registry, repository, version] of cases) {
    it(`splits ${name.slice(0, 40)} into registry, repository and version`, () => {
      assert.deepEqual(parseReference(name), { registry, repository, version });
    });
  }
});
