import path from "node:path";
import { parse } from "yaml";
import type { ReferencedFile } from "../../core/compose/project";
import { mapTexts, mapValues } from "../../core/records";
import type { Printed, Rendered } from "./meaning";

/** Where images that are built would be. */
export const registry = "registry.example.com";

/**
 * A rendering as people read it and write it down: images by the service that is built, `(web)`, files of the store by
 * what lies there, `./store/(./nginx.conf)/nginx.conf`; without what compose adds to every project.
 */
export function readable(text: string, { folder, images, shipped }: Rendered): Printed {
  const names = [
    ...Object.entries(images).map(([service, ref]) =>
      ref.startsWith(registry)
        ? ([ref, `(${service})`] as const)
        : ([ref.split("@")[1]!, `(${service})`] as const),
    ),
    ...[...shipped].flatMap(([fingerprint, file]) => [
      [fingerprint, `(${nameOf(file, folder)})`] as const,
      [fingerprint.slice(0, 12), `(${nameOf(file, folder)})`] as const,
    ]),
  ];
  const named = (value: string) => names.reduce((all, [hash, name]) => all.replaceAll(hash, name), value);
  const document = mapTexts(parse(text), named, named) as Printed;
  const { name, services, networks = {}, volumes = {}, ...rest } = document;
  return withoutEmpty({
    ...rest,
    services: mapValues(services as Record<string, Printed>, readableService),
    networks: Object.fromEntries(
      Object.entries(networks as Record<string, Printed>)
        .map(([key, node]) => [key, readableDefinition(node, `${name}_${key}`)] as const)
        .filter(([key, shown]) => key !== "default" || Object.keys(shown).length > 0),
    ),
    volumes: mapValues(volumes as Record<string, Printed>, (node, key) =>
      readableDefinition(node, `${name}_${key}`),
    ),
  });
}

function nameOf({ key, mounts }: ReferencedFile, folder: string): string {
  if (mounts === undefined) return key;
  const relative = path.relative(folder, key);
  return relative.startsWith("..") ? relative : `./${relative}`;
}

function readableService(node: Printed): Printed {
  const { command, entrypoint, networks, ...rest } = node;
  const onlyDefault = networks && Object.keys(networks).join() === "default" && networks.default === null;
  return withoutEmpty({
    ...rest,
    labels: labels(node.labels),
    ...(command === null ? {} : { command }),
    ...(entrypoint === null ? {} : { entrypoint }),
    ...(onlyDefault ? {} : { networks }),
    ports: node.ports?.map(({ mode, protocol, ...port }: Printed) => ({
      ...port,
      ...(mode === "ingress" ? {} : { mode }),
      ...(protocol === "tcp" ? {} : { protocol }),
    })),
    volumes: node.volumes?.map(({ bind, ...volume }: Printed) => {
      const { create_host_path, ...more } = bind ?? {};
      const made = create_host_path === false ? { create_host_path } : {};
      return withoutEmpty({ ...volume, bind: { ...more, ...made } });
    }),
  });
}

function readableDefinition(node: Printed | null, usual: string): Printed {
  const { name, ...rest } = node ?? {};
  const ofImage = rest.labels?.["dev.everfresh.image"];
  const shown = ofImage ? name.replace(/-[0-9a-f]{12}$/, `-(${ofImage})`) : name;
  return withoutEmpty({ ...rest, labels: labels(rest.labels), ...(shown === usual ? {} : { name: shown }) });
}

/** The fingerprint of a definition is a text that nobody can check by reading. */
const labels = (all: Record<string, string> | undefined) =>
  all &&
  mapValues(all, (value, key) => (/^dev\.everfresh\.(definition|surroundings)$/.test(key) ? "…" : value));

/** An empty command says something. */
const withoutEmpty = (node: Printed): Printed =>
  Object.fromEntries(
    Object.entries(node).filter(
      ([key, value]) =>
        value !== undefined &&
        !(
          /^(labels|networks|volumes|bind|volume|ipam)$/.test(key) &&
          typeof value === "object" &&
          Object.keys(value ?? {}).length === 0
        ),
    ),
  );
