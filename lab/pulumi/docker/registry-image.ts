import { resolveDigest } from "../../../adapters/registry";
import { mustBeAllowed, registryRefusal } from "../lab-only";
import { isObject, type Properties, plain, secret, unknown, type Value } from "../plugin/properties";
import type { Failure, ResourceType } from "../provider/resource-type";
import { pushImage } from "./engine";
import { configuredLogin, type Login } from "./logins";
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
    const { name, login } = known(inputs, "resourceDockerRegistryImageCreate");
    await mustBeAllowed(registryRefusal(login.address.replace(/^https?:\/\//, "")));
    await pushImage(name, login);
    const digest = await digestOf(name, login);
    if (digest === undefined) throw new Error(`the registry does not have ${name} after it was pushed`);
    return { id: digest, properties: { ...stateOf(inputs), id: digest, sha256Digest: digest } };
  },
  update: (inputs, old) => found({ ...stateOf(inputs), id: old.id! }),
  read: found,
};

/** The current state of an image in the registry; undefined if it is gone. */
async function found(state: Properties): Promise<Properties | undefined> {
  const { name, login } = known(state, "resourceDockerRegistryImageRead");
  // The official plugin, too, takes any error for an image that is gone.
  const digest = await digestOf(name, login).catch(() => undefined);
  return digest === undefined ? undefined : { ...state, sha256Digest: digest };
}

/** An image's name, and the login for its registry: its own, else the one that the provider was configured with. */
function known(properties: Properties, where: string): { name: string; login: Login } {
  const { name, authConfig } = plain(properties) as unknown as { name: string; authConfig?: Login };
  return { name, login: authConfig ?? configuredLogin(name.split("/")[0]!, where) };
}

/** Asks the registry for the digest of a name. */
function digestOf(name: string, { address, username, password }: Login): Promise<string | undefined> {
  const auth = username ? { auth: { username, password } } : {};
  return resolveDigest(name, { ...auth, insecure: address.startsWith("http://"), timeout: 60_000 });
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
