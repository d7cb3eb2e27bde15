import * as v from "valibot";

/** What the values of single settings must look like. The messages continue the name of a setting: "is empty". */

export const text = v.pipe(v.string("must be a string"), v.trim(), v.minLength(1, "is empty"));
export const flag = v.union(
  [
    v.boolean(),
    v.pipe(
      v.picklist(["true", "false"]),
      v.transform((s) => s === "true"),
    ),
  ],
  "must be true or false",
);
export const whole = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number))], message),
    v.integer(message),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
};
export const oneLine = v.pipe(text, v.regex(/^[^\r\n]*$/, "must be one line"));
const hostKey = v.pipe(
  v.string("is required: without it any machine that answers would be trusted"),
  v.trim(),
  v.minLength(1, "is required: without it any machine that answers would be trusted"),
  // A line of `ssh-keyscan` begins with the host.
  v.transform((s) => s.replace(/^\S+ (?=(ssh|ecdsa)-)/, "")),
  v.check((s) => !s.startsWith("ssh-rsa"), "is an ssh-rsa key, which current servers refuse to prove"),
  v.regex(
    /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( .*)?$/,
    "is not one line of a public key such as `ssh-ed25519 AAAA…`",
  ),
);
const privateKey = v.pipe(
  v.string("must be a string"),
  v.regex(/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "is not a private key"),
  v.transform((s) => (s.endsWith("\n") ? s : `${s}\n`)),
);
const endpoint = {
  address: v.pipe(text, v.regex(/^[A-Za-z0-9._:][A-Za-z0-9._:-]*$/, "is not a host name or an IP address")),
  port: v.optional(whole(1, 65535), 22),
  user: v.pipe(text, v.regex(/^[A-Za-z0-9._][A-Za-z0-9._-]*$/, "is not a user name")),
  hostKey,
  privateKey: v.optional(privateKey),
};
export const host = v.strictObject({
  name: v.pipe(text, v.regex(/^[a-z0-9][a-z0-9-]*$/, "must be lower-case letters, digits and dashes")),
  ...endpoint,
  proxyJump: v.optional(v.strictObject(endpoint)),
});
const registryAddress = v.pipe(
  text,
  v.regex(
    /^[a-zA-Z0-9][a-zA-Z0-9.-]*(:\d+)?(\/[a-z0-9._-]+)*$/,
    "is not a registry address such as `registry.example.com:5000/team`, without a scheme",
  ),
);
export const imageName = v.pipe(text, v.regex(/^[a-zA-Z0-9][\w.:/@-]*$/, "is not the name of an image"));
const credentials = [["username"], ["password"]] as const;
export const registry = v.pipe(
  v.strictObject({
    address: registryAddress,
    pullAddress: v.optional(registryAddress),
    username: v.optional(text),
    password: v.optional(v.pipe(v.string("must be a string"), v.minLength(1, "is empty"))),
    insecure: v.optional(flag, false),
    image: v.optional(imageName),
  }),
  v.forward(
    v.partialCheck(
      credentials,
      ({ username, password }) => username === undefined || password !== undefined,
      "is missing for the username given",
    ),
    ["password"],
  ),
  v.forward(
    v.partialCheck(
      credentials,
      ({ username, password }) => password === undefined || username !== undefined,
      "is missing for the password given",
    ),
    ["username"],
  ),
);
