import path from "node:path";
import { problem } from "../problems";
import type { ComposeDocument, ComposeText } from "./document";

/** Whose a bind mount's source is: the project's, which is shipped, the host's, or this machine's home, which is nobody's there. */
export type Owner = "project" | "host" | "home";

/**
 * @param written - the source as it was written, variables replaced; undefined where that is not known.
 * @param source - absolute, as compose resolved it.
 */
export function ownerOf(written: string | undefined, source: string, text: ComposeText): Owner {
  const { marks, folder, sources } = text;
  if (written !== undefined && (written.startsWith("~") || written.includes(marks.home))) return "home";
  // A relative path of an extended file begins with that file's folder.
  if (written !== undefined && (!written.startsWith("/") || written.startsWith(marks.folder)))
    return "project";
  // An absolute path that a variable gives may well be this machine's; one that stands in the file is meant.
  const meant = written !== undefined && sources.includes(written);
  return !meant && isInside(folder, source) ? "project" : "host";
}

/** Whether `file` is `folder`, or lies in it. */
export function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** What concerns this machine alone, or is looked at elsewhere. */
const LOCAL = /^(build|develop|env_file|label_file|extends|volumes|x-.*)$/;

/**
 * Everything in which `$HOME` or `$PWD` of this machine would reach a host, and the devices of volumes that are folders of
 * this machine.
 */
export function thisMachineProblems(written: ComposeDocument, text: ComposeText): string[] {
  const { marks } = text;
  const found: string[] = [];
  const visit = (where: string, value: unknown): void => {
    if (typeof value === "string") found.push(...inText(where, value));
    else if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value)) visit(`${where}.${key}`, inner);
  };
  const inText = (where: string, text: string): string[] => {
    const name = text.includes(marks.home) ? "$HOME" : text.includes(marks.folder) ? "$PWD" : undefined;
    if (name === undefined) return [];
    return [
      problem(
        where,
        `\`${name}\` is a folder of this machine`,
        `write the host's own path, or \`$${name}\` for a variable of the container`,
      ),
    ];
  };
  for (const [name, service] of Object.entries(written.services ?? {}))
    for (const [key, value] of Object.entries(service ?? {}))
      if (!LOCAL.test(key)) visit(`services.${name}.${key}`, value);
  for (const [name, network] of Object.entries(written.networks ?? {})) visit(`networks.${name}`, network);
  for (const [name, volume] of Object.entries(written.volumes ?? {})) {
    const { driver_opts: { device, ...options } = {}, ...rest } = (volume ?? {}) as {
      driver_opts?: Record<string, unknown>;
    };
    visit(`volumes.${name}`, { ...rest, driver_opts: options });
    if (typeof device !== "string") continue;
    const short = device.replace(marks.home, "~").replace(marks.folder, ".");
    // Compose takes every device for a path where this is the one option.
    const isOurs = options.o === "bind" && ownerOf(device, device, text) !== "host";
    if (!isOurs && !/^[.~]/.test(short)) continue;
    found.push(
      problem(
        `volumes.${name}.driver_opts.device`,
        `\`${device.replace(marks.home, "$HOME").replace(marks.folder, "$PWD")}\` is a folder of this machine`,
        "give the absolute path of a folder of the host",
      ),
    );
  }
  for (const kind of ["configs", "secrets"] as const)
    for (const [name, file] of Object.entries(written[kind] ?? {}))
      visit(`${kind}.${name}.content`, file?.content);
  return found;
}
