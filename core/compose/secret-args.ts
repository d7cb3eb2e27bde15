import { problem } from "../problems";

const SECRETS = new Set(
  "apikey authtoken cred creds credential credentials passphrase passwd password passwords privatekey pwd secret secrets token tokens".split(
    " ",
  ),
);
/** Before `KEY`, these words mean that the key is not a secret. */
const PUBLIC = new Set("public pub publishable site cache sort primary foreign host".split(" "));
/** As the last word, these mean that the value only describes a secret. */
const ABOUT = new Set(
  "id ids name path file dir url uri endpoint issuer audience type kind length size ttl expiry expires header prefix version enabled required".split(
    " ",
  ),
);

/**
 * Warns about build arguments that look like secrets, by their name or because their value is a private key or a URL with a
 * password. Arguments are stored in the state, in `.everfresh/` and in the image's history, readable for everyone who has
 * the image.
 */
export function secretArguments(service: string, args: Readonly<Record<string, string | null>>): string[] {
  return Object.entries(args)
    .filter(([name, value]) => value && (isSecretName(name) || isSecretValue(value)))
    .map(([name]) =>
      problem(
        `services.${service}.build.args.${name}`,
        "looks like a secret, but build arguments are in plain text in the state and in the image",
        "pass it in `secrets:` of `build:`, and mount it with `RUN --mount=type=secret`",
      ),
    );
}

function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])(?=[A-Z])/g, "$1_")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  const last = words.at(-1);
  // The shell's `PWD` is a folder.
  if (last === undefined || ABOUT.has(last) || words.join() === "pwd") return false;
  if (words.some((word) => SECRETS.has(word))) return true;
  if (words.length === 1) return false;
  return last === "pass" || (last === "key" && !words.some((word) => PUBLIC.has(word)));
}

const isSecretValue = (value: string) =>
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(value) ||
  /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i.test(value);
