import { registryHost } from "../core/images";
import { Problems } from "../core/problems";
import type { Registry } from "../core/settings";
import { useLocalRegistry } from "./local-registry";
import { RegistryError } from "./registry-error";
import type { RegistryOptions } from "./registry-session";

/** How to request an image. Credentials are sent only to the registry that they were configured for. */
export function accessTo(image: string, registry: Registry | undefined): RegistryOptions {
  if (registry === undefined || !image.startsWith(`${registryHost(registry.address)}/`)) return {};
  const { username, password, insecure, local } = registry;
  return {
    insecure,
    ...(username && password ? { auth: { username, password } } : {}),
    ...(local ? { start: () => useLocalRegistry(local) } : {}),
  };
}

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
