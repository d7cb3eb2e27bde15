import { Problems, problem } from "../problems";
import { own } from "../records";
import { imageNames, readBuild, readBuildOptions } from "./build";
import {
  type ComposeDocument,
  type ComposeText,
  readDocument,
  readWritten,
  type ServiceNode,
} from "./document";
import { imageVolumeProblems } from "./image-volumes";
import { parseOptions, volumeOptionProblems } from "./options";
import { portClashes, readPorts } from "./ports";
import type { ComposeProject, ComposeService, InactiveService } from "./project";
import { publishes, replicasOf } from "./publishes";
import { isRenewed } from "./pull-policy";
import { FileList, filesOf } from "./referenced-files";
import { thisMachineProblems } from "./this-machine";

/** Everything wrong with a project, and the part that could be read, because its mounts may have further problems. */
export class ProjectProblems extends Problems {
  constructor(
    problems: readonly string[],
    readonly project: ComposeProject,
  ) {
    super(problems);
  }
}

/** The forms in which a project is read. */
interface Sources {
  text: ComposeText;
  /** The resolved document of the active profiles. */
  document: ComposeDocument;
  /** The resolved document of all profiles. */
  whole: ComposeDocument;
  /** The document with its paths as written. */
  written: ComposeDocument;
  /** The active services that have a `build:` of their own. */
  builders: ReadonlySet<string>;
}

/**
 * Reads a resolved compose document.
 *
 * @throws ProjectProblems naming every setting that is not supported.
 */
export function readProject(text: ComposeText): ComposeProject {
  const document = readDocument(text);
  const whole = text.whole ? readDocument({ ...text.whole, createHostPath: text.createHostPath }) : document;
  const builders = shareBuilds(document, whole);
  const sources: Sources = { text, document, whole, written: readWritten(text), builders };
  const problems: string[] = [];
  const services: ComposeService[] = [];
  const files = new FileList();
  for (const name of dependencyOrder(document.services ?? {})) {
    const node = own(document.services, name)!;
    services.push(readService(name, node, sources, problems));
    for (const file of filesOf(name, node, sources, problems)) files.add(file, name);
    problems.push(...unprovableImages(name, node, sources));
  }
  problems.push(
    ...portClashes(services),
    ...imageVolumeProblems(services, document),
    ...thisMachineProblems(sources.written, text),
    ...networkNameProblems(document),
    ...volumeOptionProblems(document.volumes),
    ...(services.length === 0 ? [noServices] : []),
  );
  const project = {
    name: document.name,
    folder: text.folder,
    services,
    files: files.all(),
    document,
    inactive: readInactive(sources),
  };
  if (problems.length > 0) throw new ProjectProblems(problems, project);
  return project;
}

const noServices = problem(
  "services",
  "there are none, or none in an active profile",
  "add a service, or name a profile in COMPOSE_PROFILES",
);

/** @param problems - receives every setting that is not supported. */
function readService(
  name: string,
  node: ServiceNode,
  { text, document, whole, builders }: Sources,
  problems: string[],
): ComposeService {
  const options = parseOptions(node["x-everfresh"], `services.${name}.x-everfresh`, problems);
  return {
    name,
    ...(node.build ? { build: readBuild(name, node, text, problems) } : {}),
    buildOptions: readBuildOptions(name, node, whole, text, problems),
    imageNames: builders.has(name) ? imageNames(document.name, name, node) : [],
    ...(node.image ? { image: node.image } : {}),
    followsTag: !node.build && isRenewed(node) && !node.image?.includes("@"),
    restarts: Object.entries(document.services)
      .filter(([, other]) => own(other.depends_on, name)?.restart)
      .map(([other]) => other),
    replicas: replicasOf(node),
    ...options,
    published: publishes(node) ? readPorts(node) : [],
  };
}

/** Problems of everything in a service that does not come from an image with a known digest. */
function unprovableImages(service: string, node: ServiceNode, { document, builders }: Sources): string[] {
  const builderOf = (image: string) =>
    [...builders].findLast((name) =>
      imageNames(document.name, name, own(document.services, name)!).includes(image),
    );
  const mounted = (node.volumes ?? []).flatMap(({ type, source, target }) => {
    const builder = type === "image" && source !== undefined ? builderOf(source) : undefined;
    if (builder === undefined) return [];
    return [
      problem(
        `services.${service}.volumes (${target})`,
        `mounts the image \`${source}\`, which ${builder} builds, and hosts know it only by its digest`,
        `copy its files into an image of this service: \`COPY --from=${source} …\``,
      ),
    ];
  });
  if (node.provider === undefined) return mounted;
  return [
    problem(
      `services.${service}.provider`,
      "is a docker compose plugin instead of an image, and what it creates cannot be proved",
      "set it up on the host separately, and tell the services that need it where it is",
    ),
    ...mounted,
  ];
}

/** The host's program separates fields with `|`. */
const networkNameProblems = ({ networks = {} }: ComposeDocument): string[] =>
  Object.entries(networks)
    .filter(([, network]) => /[\p{Cc}|]/u.test(network?.name ?? ""))
    .map(([key]) =>
      problem(`networks.${key}.name`, "has a `|` or a control character", "choose another name"),
    );

/**
 * If a service names the image that another service builds, gives it that build, so that it runs the same result even if the
 * other service's profile is inactive.
 *
 * @returns the services that have a `build:` of their own.
 */
function shareBuilds({ name: project, services = {} }: ComposeDocument, whole: ComposeDocument): Set<string> {
  const buildersOf = (all: ComposeDocument["services"] = {}) =>
    Object.entries(all).filter(([, { build }]) => build);
  const builders = buildersOf(services);
  const all = [...builders, ...buildersOf(whole.services)];
  for (const node of Object.values(services)) {
    const { image } = node;
    if (node.build || image === undefined) continue;
    const builder = all.find(([name, node]) => imageNames(project, name, node).includes(image));
    if (builder) node.build = builder[1].build!;
  }
  return new Set(builders.map(([name]) => name));
}

/** The services with a build that belong to no active profile. */
function readInactive({ text, whole, document: { services: active } }: Sources): InactiveService[] {
  const nodes = Object.entries(whole.services ?? {}).filter(
    ([name, { build }]) => build && !Object.hasOwn(active ?? {}, name),
  );
  return nodes.map(([name, node]) => {
    const problems: string[] = [];
    const build = readBuild(name, node, text, problems);
    const buildOptions = readBuildOptions(name, node, whole, text, problems);
    return { name, build, buildOptions, imageNames: imageNames(whole.name, name, node), problems };
  });
}

/** The services' names, each after its dependencies. Compose has already rejected cycles. */
function dependencyOrder(services: Record<string, ServiceNode>): string[] {
  const order = new Set<string>();
  const visit = (name: string) => {
    for (const dependency of Object.keys(own(services, name)?.depends_on ?? {})) {
      if (Object.hasOwn(services, dependency) && !order.has(dependency)) visit(dependency);
    }
    order.add(name);
  };
  for (const name of Object.keys(services)) visit(name);
  return [...order];
}
