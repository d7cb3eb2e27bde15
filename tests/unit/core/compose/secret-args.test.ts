import assert from "node:assert/strict";
import { secretArguments } from "../../../../core/compose/secret-args";

const warned = (name: string, value: string | null = "x") =>
  secretArguments("web", { [name]: value }).length > 0;

describe("secretArguments", () => {
  const secrets =
    "PASSWORD DB_PASS DB_PASSWORD npmToken NPM_TOKEN token GITHUB_TOKEN CLIENT_SECRET SECRET_KEY_BASE AWS_SECRET_ACCESS_KEY API_KEY apiKey APIKEY PRIVATE_KEY SIGNING-KEY ssh.passphrase DB_PWD CREDENTIALS MY_CREDENTIAL _authToken SENTRY_AUTH_TOKEN";
  for (const name of secrets.split(" "))
    it(`warns about ${name}, which looks like a secret`, () => assert.ok(warned(name)));

  const others =
    "VERSION NODE_ENV KEY KEYBOARD MONKEY BYPASS COMPASS PASSENGER_VERSION PWD TOKENIZER AUTHOR SECRETARY";
  for (const name of others.split(" "))
    it(`does not warn about ${name}, which is no secret`, () => assert.ok(!warned(name)));

  const describing =
    "PUBLIC_KEY SSH_PUBLIC_KEY RECAPTCHA_SITE_KEY STRIPE_PUBLISHABLE_KEY CACHE_KEY AWS_ACCESS_KEY_ID KEY_ID SECRET_NAME TOKEN_URL PASSWORD_FILE";
  for (const name of describing.split(" "))
    it(`does not warn about ${name}, which is public or only describes a secret`, () =>
      assert.ok(!warned(name)));

  it("warns about a private key, whatever the name", () =>
    assert.ok(warned("CA", "-----BEGIN RSA PRIVATE KEY-----\n")));

  for (const url of ["postgres://me:pw@db/shop", "https://:token@example.com", "HTTP://a:b@proxy:3128"])
    it(`warns about ${url}, which has a password, whatever the name`, () => assert.ok(warned("URL", url)));

  for (const url of ["https://example.com:8080/a@b", "https://me@example.com", "git@example.com:a/b"])
    it(`does not warn about ${url}, which has no password`, () => assert.ok(!warned("URL", url)));

  it("does not warn about an argument without a value, and never shows a value", () => {
    assert.ok(!warned("TOKEN", ""));
    assert.ok(!warned("TOKEN", null));
    assert.deepEqual(secretArguments("web", { NPM_TOKEN: "hunter2", VERSION: "1" }), [
      "services.web.build.args.NPM_TOKEN: looks like a secret, but build arguments are in plain text in the state and in the image; pass it in `secrets:` of `build:`, and mount it with `RUN --mount=type=secret`",
    ]);
  });
});
