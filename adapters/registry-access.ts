import { isHub, parseReference } from "../core/image-reference";
import { registryHost } from "../core/images";
import { Problems, problem } from "../core/problems";
import type { Registry } from "../core/settings";
import { credentialHelper, dockerLogin, type RegistryLogin } from "./docker-login";
import { useLocalRegistry } from "./local-registry";
import { isClosed } from "./registry";
import { RegistryError } from "./registry-error";
import type { RegistryAuth, RegistryOptions } from "./registry-session";

/**
 * How to request an image: with the configured credentials, which are sent only to the registry that they were configured
 * for, else with docker's own for that registry, if it demands some.
 */
export function accessTo(image: string, registry: Registry | undefined): RegistryOptions {
  return registry !== undefined && image.startsWith(`${registryHost(registry.address)}/`)
    ? registryAccess(registry)
    : { login: () => dockerLogin(parseReference(image).registry) };
}

/** How to ask the configured registry. */
export function registryAccess(registry: Registry): RegistryOptions {
  const { address, insecure, local } = registry;
  // One that exists only while this machine deploys needs no login.
  if (local) return { insecure, start: () => useLocalRegistry(local) };
  const auth = configured(registry);
  return { insecure, ...(auth ? { auth } : { login: () => dockerLogin(registryHost(address)) }) };
}

const configured = ({ username, password }: Registry): RegistryAuth | undefined =>
  username !== undefined && password !== undefined ? { username, password } : undefined;

/**
 * Asks a registry a question.
 *
 * @throws Problems that name the setting to correct if the registry refuses or cannot be reached.
 */
export async function blameSetting<T>(registry: Registry, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const setting = {
      refused: registry.password ? "password" : "username",
      unreachable: "address",
      failing: "address",
    }[error.problem];
    throw new Problems([`everfresh:registry.${setting}: ${error.message}`]);
  }
}

/** Docker's own login for a registry, as far as Pulumi's docker provider (5.2.0) can push with it. */
export type PushLogin = { kind: "usable" } | { kind: "unusable"; why: string } | { kind: "none" };

/**
 * @param host - `host:port`.
 * @throws Problems if the login cannot be read, unless the registry needs none.
 */
export async function pushLogin(host: string, insecure = false): Promise<PushLogin> {
  const login = await loginFor(host, { host, insecure });
  if (login === undefined) return { kind: "none" };
  if ("identityToken" in login) return { kind: "unusable", why: "is an identity token" };
  // It would ask the helper for `index.docker.io`, where docker stores nothing.
  const helper = isHub(host) ? await credentialHelper(host) : undefined;
  return helper === undefined
    ? { kind: "usable" }
    : { kind: "unusable", why: `is in the credential helper ${helper}` };
}

/** The problem with a login that is needed and cannot be used. */
export const unusableLogin = (host: string, why: string): string =>
  problem(
    "everfresh:registry.username",
    `docker's login for ${host} ${why}, with which Pulumi's docker provider cannot push`,
    "set a user name and a password",
  );

/**
 * The login with which hosts pull: the configured one, else docker's own for `pullAddress`, else docker's own for `address`.
 *
 * @returns undefined if there is none, or only an identity token, which `docker login` on a host does not take.
 * @throws Problems if docker's login cannot be read, unless the registry needs none.
 */
export async function hostLogin(registry: Registry): Promise<RegistryAuth | undefined> {
  const auth = configured(registry);
  if (auth) return auth;
  const { address, pullAddress, insecure, local } = registry;
  if (local) return undefined;
  const here = registryHost(address);
  for (const host of new Set([registryHost(pullAddress), here])) {
    // Perhaps only the hosts reach `pullAddress`.
    const login = await loginFor(host, { host: here, insecure });
    if (login !== undefined && "username" in login) return login;
  }
  return undefined;
}

/** Like docker, does without a login that cannot be read if the registry demands none. */
const loginFor = (
  host: string,
  asked: { host: string; insecure: boolean },
): Promise<RegistryLogin | undefined> =>
  dockerLogin(host).catch(async (problem) => {
    if (await isClosed(asked.host, asked).catch(() => true)) throw problem;
    return undefined;
  });
