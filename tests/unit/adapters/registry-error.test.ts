import assert from "node:assert/strict";
import { checkLogin } from "../../../adapters/registry";
import { failure, restoreFetch } from "./registry-server";

describe("the error for an unreachable registry", () => {
  it("names the https address, or the http one if the registry is insecure", async () => {
    const origin = async (options = {}) =>
      (await failure(checkLogin("registry.invalid:1", { timeout: 2000, ...options }))).message;
    assert.match(await origin(), /https:\/\/registry\.invalid/);
    assert.match(await origin({ insecure: true }), /http:\/\/registry\.invalid/);
  });

  describe("for a bad certificate", () => {
    restoreFetch();
    const failing = (code: string) => {
      globalThis.fetch = () => Promise.reject(new TypeError("fetch failed", { cause: { code } }));
      return failure(checkLogin("registry.example.com"));
    };

    for (const code of [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    ])
      it(`says how to add the CA, not how to do without https (${code})`, async () => {
        const { problem, message } = await failing(code);
        assert.equal(problem, "unreachable");
        assert.equal(
          message,
          `registry.example.com: its certificate is not trusted (${code}); set NODE_EXTRA_CA_CERTS to a file with its CA`,
        );
      });

    for (const code of ["CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID"])
      it(`does not advise a CA where none would help (${code})`, async () => {
        const { message } = await failing(code);
        assert.match(message, new RegExp(`its certificate is not valid .*${code}`));
        assert.doesNotMatch(message, /insecure|CA_CERTS/);
      });
  });
});
