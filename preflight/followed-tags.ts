import type { Outside } from "../adapters/outside";
import { accessTo } from "../adapters/registry-access";
import { RegistryError } from "../adapters/registry-error";
import type { ComposeService } from "../core/compose/project";
import { parseReference } from "../core/image-reference";
import { pushedName } from "../core/images";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import { own } from "../core/records";
import type { Deployed } from "../core/release/deployed";
import type { Settings } from "../core/settings";

/** The images of services that follow a tag, each with the tag's digest: `redis:7@sha256:…`. */
export type FollowedTags = Readonly<Record<string, string>>;

/**
 * Asks the registries for the current digests of tags that services follow (`pull_policy: always` and similar).
 *
 * @param promoted - the stack whose images are promoted, if any; its digests take precedence.
 * @throws Problems for a registry that does not answer.
 */
export async function readFollowedTags(
  services: readonly ComposeService[],
  { registry, promoteFrom }: Pick<Settings, "registry" | "promoteFrom">,
  promoted: Promise<Deployed> | undefined,
  outside: Outside,
): Promise<FollowedTags> {
  const there = await promoted;
  const answers = new Map<string, Promise<string>>();
  const refs = await allOrEveryProblem(
    services
      .filter(({ followsTag }) => followsTag)
      .map(async ({ name, image }) => {
        const proved = provedThere(name, image!, promoteFrom, there);
        if (proved !== undefined) return [name, proved] as const;
        const answer =
          answers.get(image!) ?? currentDigest(`services.${name}.pull_policy`, image!, registry, outside);
        answers.set(image!, answer);
        return [name, `${image}@${await answer}`] as const;
      }),
  );
  return Object.fromEntries(refs);
}

/** The promoted stack's proved digest of the same image. */
function provedThere(
  service: string,
  image: string,
  stack: string | undefined,
  promoted: Deployed | undefined,
): string | undefined {
  const ref = own(promoted?.followed, service);
  if (!promoted || ref?.split("@")[0] !== image) return undefined;
  const hosts = Object.values(promoted.hosts);
  if (hosts.every((host) => host?.verifiedAt && host.release === promoted.release)) return ref;
  throw new Problems([
    problem(
      "everfresh:promoteFrom",
      `stack ${stack} has not proved its latest image of ${service}`,
      "deploy it there first",
    ),
  ]);
}

async function currentDigest(
  where: string,
  image: string,
  registry: Settings["registry"],
  { resolveDigest }: Outside,
): Promise<string> {
  const name = registry ? pushedName(image, registry) : image;
  const todo = "try again, or name the image by a digest (`name:tag@sha256:…`), which needs no lookup";
  try {
    const digest = await resolveDigest(name, accessTo(name, registry));
    if (digest !== undefined) return digest;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const [why] = error.message.split("; ");
    throw new Problems([problem(where, `no registry says which image \`${image}\` is now (${why})`, todo)]);
  }
  throw new Problems([
    problem(
      where,
      `${parseReference(name).registry} has no \`${image}\`, or does not show it to this user`,
      "correct the image's name, or remove the pull policy",
    ),
  ]);
}

/** Notes on tags that have moved since they were deployed. */
export const movedTags = (
  services: readonly ComposeService[],
  before: FollowedTags,
  now: FollowedTags,
): string[] =>
  services.flatMap(({ name, image }) => {
    const [was, is] = [own(before, name), own(now, name)];
    // A different name is a change of the compose file, not a moved tag.
    const isMoved = was !== undefined && is !== undefined && was !== is && was.startsWith(`${image}@`);
    return isMoved ? [`${name}: ${image} now points to another image`] : [];
  });
