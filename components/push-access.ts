import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Outside } from "../adapters/outside";
import type { PushLogin } from "../adapters/registry-access";
import { isHub } from "../core/image-reference";
import { registryHost, speaksHttp, usesDockerLogin } from "../core/images";
import type { Plan } from "../core/release/plan";
import type { Registry, Settings } from "../core/settings";

/** How an image gets into its registry, and how `pulumi refresh` asks for it. */
export interface PushAccess {
  /** The configured login. */
  authConfig?: docker.types.input.RegistryImageAuthConfig;
  /** The provider that uses docker's own login. */
  provider?: docker.Provider;
  /** Whether the login in the state stays as it is. */
  isKept?: true;
}

/**
 * Gives each image's push its login. A configured one is an input of the push. Docker's own is not, because it may differ in
 * each run, as a token of ECR does, and every `up` would show an update: a provider reads it from docker's configuration
 * instead, whenever it is used.
 *
 * @returns the access to a repository.
 */
export function pushAccess(
  { untouched }: Pick<Plan, "untouched">,
  { registry }: Pick<Settings, "registry">,
  outside: Pick<Outside, "pushLogin">,
): (repository: string) => PushAccess {
  const isOurs = (repository: string) =>
    registry !== undefined && repository.startsWith(`${registry.address}/`);
  // Images of an earlier registry, or of one that is not configured while a release is pinned.
  const others = untouched.map(({ resources }) => resources).filter(({ repository }) => !isOurs(repository));
  const provided = others
    .filter(({ usesDockerLogin }) => usesDockerLogin)
    .map(({ repository }) => repository);
  let provider: docker.Provider | undefined;
  const theProvider = () => {
    const usesOwn = registry !== undefined && usesDockerLogin(registry);
    const hosts = [...(usesOwn ? [registry.address] : []), ...provided].map(registryHost);
    provider ??= declareProvider([...new Set(hosts)], registry, outside);
    return provider;
  };
  return (repository) => {
    if (isOurs(repository))
      return usesDockerLogin(registry!)
        ? { provider: theProvider() }
        : { authConfig: credentials(registry!) };
    return provided.includes(repository) ? { provider: theProvider() } : { isKept: true };
  };
}

function declareProvider(
  hosts: string[],
  registry: Registry | undefined,
  { pushLogin }: Pick<Outside, "pushLogin">,
): docker.Provider {
  // Without the registry's settings, it stays as it is in the state.
  if (registry === undefined) return new docker.Provider("registry", {}, { ignoreChanges: ["*"] });
  const entries = hosts.map(async (host) => {
    const insecure = registry.insecure && registryHost(registry.address) === host;
    // A login that cannot be read has been reported if this run pushes.
    const login = await pushLogin(host, insecure).catch((): PushLogin => ({ kind: "none" }));
    return registryAuth(addressOf(host, insecure), login);
  });
  return new docker.Provider("registry", { registryAuth: Promise.all(entries) });
}

/**
 * With an address alone, the provider does what docker does for it, including the credential helpers. It must know every
 * registry: its error for another one names the passwords of those that it knows (5.2.0).
 */
const registryAuth = (address: string, { kind }: PushLogin) => ({
  address,
  // Otherwise it needs docker's configuration to exist, and sends no login at all, which older engines refuse.
  ...(kind === "usable" ? {} : { authDisabled: true }),
});

/** The configured login of a registry, as the provider takes it. It wants one even if the registry does not. */
function credentials({ address, username = "anonymous", password = "anonymous", insecure }: Registry) {
  return {
    address: addressOf(registryHost(address), insecure),
    username,
    password: pulumi.secret(password),
  };
}

/** The provider speaks HTTP if the address says so. It asks Docker Hub for digests, too, which `docker.io` does not have. */
function addressOf(host: string, insecure: boolean): string {
  if (isHub(host)) return "index.docker.io";
  return speaksHttp(host, insecure) ? `http://${host}` : host;
}
