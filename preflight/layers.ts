import type { Outside } from "../adapters/outside";
import { accessTo } from "../adapters/registry-access";
import type { Layers } from "../core/host/types";
import { pushedName } from "../core/images";
import type { Settings } from "../core/settings";

/** For each request: the deployment waits for it, and does without. */
const TIMEOUT_MS = 2_000;

/**
 * The layers of an image, named as the hosts name it, so that a host can tell beforehand whether it has room for them.
 *
 * @returns undefined when its registry does not say.
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
    return undefined; // the pull itself will say what is wrong
  }
}
