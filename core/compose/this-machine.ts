import path from "node:path";
import { problem } from "../problems";
import type { ComposeDocument, ComposeText } from "./document";

/** Where a bind mount's source belongs: to the project (shipped), to the host, or to this machine's home folder (refused). */
export type Owner = "project" | "host" | "home";

/**
 * @param written - the source as written, with variables replaced; undefined if unknown.
 * @param source - absolute, as compose resolved it.
 */
export function ownerOf(written: string | undefined, source: string, text: ComposeText): Owner {
  const { marks, folder, sources } = text;
  if (written !== undefined && (written.startsWith("~") || written.includes(marks.home))) return "home";
  // A relative path in an extended file begins with that file's folder.
  if (written !== undefined && (!written.startsWith("/") || written.startsWith(marks.folder)))
    return "project";
  // An absolute path from a variable may belong to this machine; one that is written in the file is intentional.
  const meant = written !== undefined && sources.includes(written);
  return !meant && isInside(folder, source) ? "project" : "host";
}

/** Whether `file` is `folder` or is inside it. */
export function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return relative !== ".." && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** Service keys that concern only this machine or are checked elsewhere. */
const LOCAL = /^(build|develop|env_file|label_file|extends|volumes|x-.*)$/;

/**
 * Problems of every value that would carry this machine's `$HOME` or `$PWD` to a host, and of volumes whose device is a
 * folder of this machine.
 */
export function thisMachineProblems(written: ComposeDocument, text: ComposeText): string[] {
  const { marks } = text;
  const found: string[] = [];
  for (const [name, service] of Object.entries(written.services ?? {}))
    for (const [key, value] of Object.entries(service ?? {}))
      if (!LOCAL.test(key)) found.push(...markedTexts(`services.${name}.${key}`, value, marks));
  for (const [name, network] of Object.entries(written.networks ?? {}))
    found.push(...markedTexts(`networks.${name}`, network, marks));
  for (const [name, volume] of Object.entries(written.volumes ?? {}))
    found.push(...volumeProblems(`volumes.${name}`, volume ?? {}, text));
  for (const kind of ["configs", "secrets"] as const)
    for (const [name, file] of Object.entries(written[kind] ?? {}))
      found.push(...markedTexts(`${kind}.${name}.content`, file?.content, marks));
  return found;
}

type Marks = ComposeText["marks"];

/** A problem for each string in a value that names a folder of this machine. */
function markedTexts(where: string, value: unknown, marks: Marks): string[] {
  if (typeof value === "object" && value !== null)
    return Object.entries(value).flatMap(([key, inner]) => markedTexts(`${where}.${key}`, inner, marks));
  if (typeof value !== "string") return [];
  const name = value.includes(marks.home) ? "$HOME" : value.includes(marks.folder) ? "$PWD" : undefined;
  if (name === undefined) return [];
  return [
    problem(
      where,
      `\`${name}\` is a folder of this machine`,
      `write the host's own path, or \`$${name}\` for a variable of the container`,
    ),
  ];
}

function volumeProblems(where: string, volume: object, text: ComposeText): string[] {
  const { marks } = text;
  const { driver_opts: { device, ...options } = {}, ...rest } = volume as {
    driver_opts?: Record<string, unknown>;
  };
  const found = markedTexts(where, { ...rest, driver_opts: options }, marks);
  if (typeof device !== "string") return found;
  const short = device.replace(marks.home, "~").replace(marks.folder, ".");
  // With this option, compose treats every device as a path.
  const isOurs = options.o === "bind" && ownerOf(device, device, text) !== "host";
  if (!isOurs && !/^[.~]/.test(short)) return found;
  return [
    ...found,
    problem(
      `${where}.driver_opts.device`,
      `\`${device.replace(marks.home, "$HOME").replace(marks.folder, "$PWD")}\` is a folder of this machine`,
      "use the absolute path of a folder on the host",
    ),
  ];
}
