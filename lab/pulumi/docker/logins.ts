import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { loginIn } from "../../../adapters/docker-login";
import { type Properties, plain } from "../plugin/properties";

/** A login for a registry. */
export interface Login {
  /** `host:port`, after `http://` if the registry speaks plain HTTP. */
  address: string;
  /** Empty: none. */
  username: string;
  password: string;
}

/** An entry of the provider's `registryAuth`. */
interface Entry {
  address: string;
  authDisabled?: boolean;
  configFile?: string;
  configFileContent?: string;
}

/** By `host:port`. */
let logins = new Map<string, Login>();

/**
 * Reads the logins of the provider's `registryAuth`, as the official plugin does when it is configured
 * (terraform-provider-docker 4.5.0, internal/provider/provider.go, `providerSetToRegistryAuth`).
 *
 * @throws Error if docker's configuration or a credential helper fails.
 */
export async function configureLogins(config: Properties): Promise<void> {
  const { registryAuth = "[]" } = plain(config);
  logins = new Map();
  for (const entry of JSON.parse(registryAuth as string) as Entry[]) {
    const host = entry.address.replace(/^https?:\/\//, "").split("/")[0]!;
    const login = await loginOf(entry, host).catch((error: Error) => {
      throw new Error(`Error loading registry auth config: ${error.message}`);
    });
    logins.set(host, { address: entry.address, ...login });
  }
}

/** @throws Error if the provider was not configured for a registry. */
export function configuredLogin(host: string, where: string): Login {
  const login = logins.get(host);
  if (login) return login;
  throw new Error(
    `${where}: Unable to get authConfig for registry: no auth config found for registry ${host} in auth configs`,
  );
}

async function loginOf(
  { authDisabled, configFile = defaultFile(), configFileContent }: Entry,
  host: string,
): Promise<Pick<Login, "username" | "password">> {
  if (authDisabled) return { username: "username", password: "password" };
  const content = configFileContent ?? (await readFile(configFile, "utf8"));
  const login = await loginIn(content, host, configFile);
  // The official plugin does not use identity tokens.
  return login !== undefined && "username" in login ? login : { username: "", password: "" };
}

const defaultFile = () =>
  path.join(process.env.DOCKER_CONFIG || path.join(homedir(), ".docker"), "config.json");
