import type { Outside } from "../adapters/outside";
import { accessTo, blameSetting } from "../adapters/registry-access";
import type { HostContainer } from "../core/host/types";
import { Problems, problem } from "../core/problems";
import type { PushedImage } from "../core/release/deployed";
import type { ImageDecisions } from "../core/release/images";
import type { Registry } from "../core/settings";
import type { HostFacts } from "./hosts";

/**
 * Whether the hosts can get an image. Only the registry of the machine that built it has it, and another machine may deploy
 * what the hosts already run.
 *
 * @param hosts - what runs there; if a host cannot be asked, that is reported on its own.
 */
export async function isAtHand(
  { digest, ref }: PushedImage,
  registry: Registry,
  hosts: Promise<readonly HostFacts[]>,
  { resolveDigest }: Pick<Outside, "resolveDigest">,
): Promise<boolean> {
  if (!registry.local) return true;
  const states = await hosts.catch(() => []);
  if (states.every(({ state }) => state.containers.some((container) => isMadeFrom(container, digest))))
    return true;
  const found = await blameSetting(registry, () => resolveDigest(ref, accessTo(ref, registry)));
  return found !== undefined;
}

/** The containerd image store has no other id than the digest. */
const isMadeFrom = ({ imageId, digests }: HostContainer, digest: string) =>
  imageId === digest || digests.includes(digest);

/** @throws Problems for promoted images that hosts lack and this machine's registry does not have. */
export async function refuseUnreachable(
  images: ImageDecisions,
  registry: Registry | undefined,
  hosts: readonly HostFacts[],
  outside: Pick<Outside, "resolveDigest">,
): Promise<void> {
  if (!registry?.local) return;
  const checked = Object.entries(images).map(async ([service, decision]) => {
    if (decision.kind !== "promoted") return [];
    if (await isAtHand(decision.image, registry, Promise.resolve(hosts), outside)) return [];
    const what = `the image of ${service} is on another machine`;
    return problem(
      "everfresh:promoteFrom",
      what,
      "promote it from the machine that built it, or use a registry",
    );
  });
  const problems = (await Promise.all(checked)).flat();
  if (problems.length > 0) throw new Problems(problems);
}
