import { resolveDigest } from "../../../adapters/registry";
import { mustBeAllowed, registryRefusal } from "../lab-only";
import { isObject, type Properties, plain, secret, unknown, type Value } from "../plugin/properties";
import type { Failure, ResourceType } from "../provider/resource-type";
import { pushImage } from "./engine";
import { asTerraformHasIt, withDefaults, withoutNote } from "./terraform";

/** An image in a registry. */
export const registryImage: ResourceType = {
  inputs: {
    name: true,
    triggers: true,
    keepRemotely: true,
    authConfig: { address: true, username: true, password: true },
  },
  compared: asTerraformHasIt,
  replaces: (path) => /^(name$|triggers)/.test(path),
  deleteBeforeReplace: true,

  check(inputs) {
    const failures: Failure[] = [];
    if (inputs.keepRemotely !== true)
      failures.push({
        property: "keepRemotely",
        reason: "must be true: the lab's stand-in deletes nothing from a registry",
      });
    const { authConfig } = inputs;
    return {
      inputs: withDefaults({
        ...inputs,
        ...(isObject(authConfig) ? { authConfig: withDefaults(withSecretPassword(authConfig)) } : {}),
      }),
      failures,
    };
  },
  preview: (inputs, old) => ({
    ...stateOf(inputs),
    id: old ? old.id! : unknown,
    sha256Digest: old ? old.sha256Digest! : unknown,
  }),
  async create(inputs) {
    const { name, authConfig } = known(inputs);
    await mustBeAllowed(registryRefusal(registryOf(authConfig)));
    await pushImage(name, authConfig);
    const digest = await digestOf(name, authConfig);
    if (digest === undefined) throw new Error(`the registry does not have ${name} after it was pushed`);
    return { id: digest, properties: { ...stateOf(inputs), id: digest, sha256Digest: digest } };
  },
  update: (inputs, old) => found({ ...stateOf(inputs), id: old.id! }),
  read: found,
};

/** The current state of an image in the registry; undefined if it is gone. */
async function found(state: Properties): Promise<Properties | undefined> {
  const { name, authConfig } = known(state);
  // The official plugin, too, takes any error for an image that is gone.
  const digest = await digestOf(name, authConfig).catch(() => undefined);
  return digest === undefined ? undefined : { ...state, sha256Digest: digest };
}

interface Auth {
  /** `host:port`, after `http://` if the registry speaks plain HTTP. */
  address: string;
  username: string;
  password: string;
}

const known = (properties: Properties) => plain(properties) as unknown as { name: string; authConfig: Auth };

const registryOf = ({ address }: Auth) => address.replace(/^https?:\/\//, "");

/** Asks the registry for the digest of a name. */
function digestOf(name: string, { address, username, password }: Auth): Promise<string | undefined> {
  const insecure = address.startsWith("http://");
  return resolveDigest(name, { auth: { username, password }, insecure, timeout: 60_000 });
}

function stateOf(inputs: Properties): Properties {
  const { authConfig, ...given } = withoutNote(inputs);
  return {
    insecureSkipVerify: false,
    keepRemotely: false,
    ...given,
    ...(authConfig === undefined ? {} : { authConfig: authState(authConfig) }),
  };
}

const authState = (authConfig: Value): Value =>
  isObject(authConfig) ? withSecretPassword(withoutNote(authConfig)) : authConfig;

const withSecretPassword = ({ password, ...given }: Properties): Properties =>
  password === undefined ? given : { ...given, password: secret(password) };
