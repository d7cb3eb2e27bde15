import type { Outside } from "../adapters/outside";
import { accessTo } from "../adapters/registry-access";
import type { Layers } from "../core/host/types";
import { pushedName } from "../core/images";
import type { Settings } from "../core/settings";

/** For each request. The deployment waits for it, but can do without the answer. */
const TIMEOUT_MS = 10_000;

/**
 * The layers of an image, under the hosts' name for it, so that a host can check in advance whether it has room for them.
 *
 * @returns undefined if the registry does not tell.
 */
export async function layersOf(
  image: string,
  platform: string | undefined,
  { registry }: Pick<Settings, "registry">,
  { imageLayers }: Pick<Outside, "imageLayers">,
): Promise<Layers | undefined> {
  const name = registry ? pushedName(image, registry) : image;
  try {
    const layers = await imageLayers(name, platform, {
      ...accessTo(name, registry),
      timeout: TIMEOUT_MS,
    });
    return layers
      ?.map(({ diffId, bytes }) => `${diffId.slice("sha256:".length, "sha256:".length + 12)}=${bytes}`)
      .join(" ");
  } catch {
    return undefined; // the pull will report what is wrong
  }
}
