import type { ComposeProject, ServiceBuild } from "../core/compose/project";
import { baseImages, dockerfileText, type IdentifyOptions, ownOnBuild, serviceOf } from "../core/content";
import { parseReference } from "../core/image-reference";
import { problem, refuse } from "../core/problems";
import { own } from "../core/records";
import type { PlannedBuild } from "../core/release/builds";

type OnBuild = NonNullable<IdentifyOptions["baseOnBuild"]>;

/**
 * Finds out which builds need which other services' images. The builder would resolve compose's name for such an image to
 * whatever this machine has under it, so the name becomes a `service:` context of the build.
 *
 * @param baseOnBuild - the ONBUILD instructions of external images.
 * @returns the builds, each after those that it needs, including needed inactive ones; and the ONBUILD instructions, with
 *   those of services added.
 * @throws Problems for builds that need each other, for a name that two builds share, and for problems of a needed inactive
 *   service.
 */
export async function planBuilds(
  builds: readonly ServiceBuild[],
  inactive: ComposeProject["inactive"],
  baseOnBuild: OnBuild = {},
): Promise<{ planned: PlannedBuild[]; baseOnBuild: OnBuild }> {
  const onBuild = { ...baseOnBuild };
  const problems: string[] = [];
  const services = new Map([...inactive, ...builds].map((service) => [service.name, service] as const));
  const names = new Names([...builds, ...inactive]);
  const planned = new Map<string, PlannedBuild>();

  const plan = async (name: string, path: readonly string[]): Promise<void> => {
    if (planned.has(name)) return;
    const service = services.get(name)!;
    problems.push(...(inactive.find((other) => other.name === name)?.problems ?? []));
    let { build } = service;
    const bases = new Set<string>();
    let external: string[] = [];
    // ONBUILD instructions of its bases may name further images.
    for (;;) {
      // Unreadable Dockerfiles are reported later, with all other problems, when the build is identified.
      const read = await baseImages(build, { baseOnBuild: onBuild }).catch(() => undefined);
      if (read === undefined) break;
      const images =
        read.unsure === undefined ? read.images : names.mentionedIn(dockerfileText(build), build.args);
      const contexts = images
        .filter((image) => !Object.hasOwn(build.additionalContexts, image))
        .flatMap((image): [string, string][] => {
          const makers = names.makersOf(image);
          if (makers.length > 1) problems.push(ambiguous(name, image, makers));
          return makers.length > 0 ? [[image, `service:${makers[0]}`]] : [];
        });
      const used = read.contexts.map((context) => own(build.additionalContexts, context)!);
      const needed = [...used, ...contexts.map(([, value]) => value)].flatMap(
        (value) => serviceOf(value) ?? [],
      );
      const found = [...new Set(needed)].filter((base) => !bases.has(base));
      external = read.images;
      if (found.length === 0 && contexts.length === 0) break;
      build = {
        ...build,
        additionalContexts: { ...build.additionalContexts, ...Object.fromEntries(contexts) },
      };
      for (const base of found) {
        bases.add(base);
        const circle = [...path, name, base].slice([...path, name].indexOf(base));
        if ([...path, name].includes(base)) problems.push(inCircle(circle, service));
        else await plan(base, [...path, name]);
        const known = planned.get(base);
        if (known)
          onBuild[`service:${base}`] ??= await ownOnBuild(known.build, { baseOnBuild: onBuild }).catch(
            () => undefined,
          );
      }
    }
    planned.set(name, { ...service, build, bases: [...bases], images: external });
  };
  for (const { name } of builds) await plan(name, []);
  refuse(problems);
  return { planned: [...planned.values()], baseOnBuild: onBuild };
}

/** The names that compose gives to the images of services. */
class Names {
  readonly #makers = new Map<string, ServiceBuild[]>();
  readonly #all: string[];

  constructor(services: readonly ServiceBuild[]) {
    this.#all = [...new Set(services.flatMap(({ imageNames }) => imageNames))];
    for (const service of services) {
      for (const name of new Set(service.imageNames.map(fullName)))
        this.#makers.set(name, [...(this.#makers.get(name) ?? []), service]);
    }
  }

  /** The services that build an image, one for each distinct build. */
  makersOf(image: string): string[] {
    const makers = this.#makers.get(fullName(image)) ?? [];
    const builds = makers.map(({ build }) => JSON.stringify(build));
    return makers.filter((_, i) => builds.indexOf(builds[i]!) === i).map(({ name }) => name);
  }

  /** The names that an uncertain Dockerfile may use, erring on the side of too many. */
  mentionedIn(dockerfile: string, args: Readonly<Record<string, string | null>>): string[] {
    const text = [dockerfile, ...Object.values(args)].join("\n");
    return this.#all.filter((name) => {
      const untagged = name.replace(/:latest$/, "").replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
      return new RegExp(`(^|[\\s=,"'/-])${untagged}(?=$|[\\s:@,"'}])`, "m").test(text);
    });
  }
}

/** An image's name with all of docker's defaults. */
const fullName = (image: string) => Object.values(parseReference(image)).join(" ");

const ambiguous = (service: string, image: string, makers: readonly string[]) =>
  problem(
    `services.${service}.build`,
    `its Dockerfile names ${image}, which ${makers.join(" and ")} build, each differently`,
    "give each of them an `image:` of its own",
  );

function inCircle(circle: readonly string[], { name, imageNames }: ServiceBuild): string {
  if (circle.length === 2)
    return problem(
      `services.${name}.build`,
      `its Dockerfile begins with or copies from ${imageNames[0]}, which is also the name of its own image`,
      "give the service another `image:`, or name that image by its digest",
    );
  return problem(
    `services.${circle[0]}.build`,
    `needs its own image to be built (${circle.join(" → ")})`,
    "base one of them on another image",
  );
}
