import { excerpt } from "../core/printable";
import { problem, refuse } from "../core/problems";
import { notATag, tagPattern } from "../core/tag";

/** The options of `everfresh deploy`, as commander hands them over. */
export interface DeployOptions {
  tag?: string;
  uniqueTag?: boolean;
  /** False with `--no-cache`. */
  cache?: boolean;
  pull?: boolean;
  forceRecreate?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  /** Passed on to pulumi as they are. */
  more?: readonly string[];
}

/** The variable `USE_CACHE`, which deploy scripts read too, and where it is set. */
export interface UseCache {
  value: string;
  where: string;
}

/** What a deployment changes in the stack's configuration. Keys are without their namespace. */
export interface DeploySettings {
  /** What images and releases depend on. It stays, because the next deployment would go back without it. */
  lasting: Record<string, string>;
  /** What counts for this run alone. */
  once: Record<string, string>;
  /** What a user should know about it, one line each. */
  notes: string[];
}

/** @throws Problems with options that are wrong whatever the stack is. */
export function checkDeployOptions({ tag, dryRun, yes }: DeployOptions): void {
  refuse([
    ...(tag === undefined || tagPattern.test(tag)
      ? []
      : [problem("tag", `\`${excerpt(tag)}\` ${notATag}`, "choose one such as `v1.2.3`")]),
    ...(dryRun && yes
      ? [problem("--dry-run", "changes nothing, but --yes approves a change", "leave one of them out")]
      : []),
  ]);
}

/**
 * Decides what the options and `USE_CACHE` mean for the stack's configuration.
 *
 * @param configured - the stack's configuration so far.
 * @throws Problems with what the stack cannot do.
 */
export function decideSettings(
  options: DeployOptions,
  useCache: UseCache | undefined,
  configured: Readonly<Record<string, unknown>>,
  now: Date,
): DeploySettings {
  const { promoteFrom } = configured;
  if (promoteFrom !== undefined)
    refuse(buildOptions(options).map((option) => promotes(option, `${promoteFrom}`)));
  const { rebuild, note } = cacheDecision(options, useCache, promoteFrom);
  const setsPullBase = options.pull === true && String(configured.pullBase) !== "true";
  const lasting = {
    ...(rebuild ? { fresh: now.toISOString() } : {}),
    ...(setsPullBase ? { pullBase: "true" } : {}),
    ...(options.forceRecreate ? { forceRecreate: now.toISOString() } : {}),
  };
  const once = {
    ...(options.tag === undefined ? {} : { tag: options.tag }),
    ...(options.uniqueTag ? { uniqueTag: "true" } : {}),
  };
  const notes = [...(note === undefined ? [] : [note]), ...(setsPullBase ? [pullBaseStays(options)] : [])];
  return options.dryRun ? { lasting: {}, once: { ...lasting, ...once }, notes } : { lasting, once, notes };
}

/** The given options that need a build. */
const buildOptions = ({ tag, uniqueTag, cache, pull }: DeployOptions): string[] => [
  ...(tag === undefined ? [] : ["tag"]),
  ...(uniqueTag ? ["--unique-tag"] : []),
  ...(cache === false ? ["--no-cache"] : []),
  ...(pull ? ["--pull"] : []),
];

const promotes = (option: string, from: string) =>
  problem(
    option,
    `this stack deploys the images that ${excerpt(from)} proved (everfresh:promoteFrom), and builds and tags none`,
    "leave it out here, or use it with that stack",
  );

/** Whether everything is built without cache. An option decides before the variable. */
function cacheDecision(
  { cache }: DeployOptions,
  useCache: UseCache | undefined,
  promoteFrom: unknown,
): { rebuild: boolean; note?: string } {
  if (cache === false) return { rebuild: true };
  if (useCache === undefined || usesCache(useCache)) return { rebuild: false };
  const asked = `USE_CACHE=${useCache.value} (${useCache.where})`;
  return promoteFrom === undefined
    ? { rebuild: true, note: `${asked}: everything is built without cache, as with --no-cache` }
    : {
        rebuild: false,
        note: `${asked}: without effect, because this stack builds nothing (everfresh:promoteFrom)`,
      };
}

/** @throws Problems for anything but yes or no. */
function usesCache({ value, where }: UseCache): boolean {
  const means = [/^(true|1|yes)$/i, /^(false|0|no)$/i].map((pattern) => pattern.test(value));
  if (!means.includes(true))
    refuse([
      problem(
        `USE_CACHE (${where})`,
        `must be true or false, not \`${excerpt(value)}\``,
        "correct it or remove it",
      ),
    ]);
  return means[0]!;
}

const pullBaseStays = ({ dryRun }: DeployOptions) =>
  `everfresh:pullBase: ${dryRun ? "would be" : "is now"} true, and stay${dryRun ? "" : "s"} so: without it, the next deployment would bring back images on the old bases`;
