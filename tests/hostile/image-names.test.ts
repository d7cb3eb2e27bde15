import assert from "node:assert/strict";
import fc from "fast-check";
import { resolveDigest } from "../../adapters/registry";
import { parseReference } from "../../core/image-reference";
import { inABox } from "./support/box";
import { anyText, secret } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { valueOrRefusal } from "./support/refusals";

const auth = { username: "ci", password: secret };

describe("hostile names of images", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  it("never lead to a path other than a manifest's", async () => {
    const { fetch } = globalThis;
    const name = fc.oneof(
      anyText,
      fc.tuple(anyText, anyText, anyText).map(([a, b, c]) => `r.example.com/${a}:${b}@${c}`),
    );
    try {
      await tryAll("registry answers", 150, name, async (name) => {
        const { registry, repository, version } = parseReference(name);
        for (const part of [registry, repository, version]) assert.equal(typeof part, "string");
        const asked: string[] = [];
        globalThis.fetch = async (url) => {
          asked.push(new Request(url).url);
          return new Response("", { status: 404 });
        };
        await valueOrRefusal(() => resolveDigest(name, { auth }));
        for (const url of asked) {
          // What a server, or one before it, makes of the path.
          const { host, pathname, username, search } = new URL(url);
          assert.match(pathname, /^\/v2\/.+\/manifests\/[^/]+$/);
          assert.deepEqual([username, search], ["", ""]);
          assert.equal(
            host,
            new URL(`https://${registry === "docker.io" ? "registry-1.docker.io" : registry}`).host,
          );
        }
      });
    } finally {
      globalThis.fetch = fetch;
    }
  });
});
