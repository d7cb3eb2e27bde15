import type { Lab } from "../../lab/lab";

/** One conversation with a plugin, which the official one and the stand-in must answer alike. */
export interface Case<P> {
  /** An obligation, like the name of a test. */
  name: string;
  ask(plugin: P, world: World): Promise<unknown>;
  /** Part of the answer comes from this machine's builder, so it is the same only if both run side by side. */
  sideBySide?: true;
}

/** What the plugins act on. */
export interface World {
  lab: Lab;
  /** The folder that a plugin works in; the engine would start it in the program's folder. */
  folder: string;
}

/**
 * An answer in which everything that varies is replaced by a name: digests and random values in order of appearance
 * (`<digest 1>`), and addresses, keys and folders of this lab and machine.
 */
export function normalised(answer: unknown, { lab, folder }: World): unknown {
  const [host] = lab.hosts;
  let text = JSON.stringify(answer ?? null, (name, value) => (isNothing(name, value) ? undefined : value));
  const places: [string, string][] = [
    [lab.registry.address, "<registry>"],
    [`${host!.address}:${host!.port}`, "<host>"],
    [`"port":${host!.port}`, '"port":"<port>"'],
    [JSON.stringify(host!.privateKey).slice(1, -1), "<key>"],
    [host!.hostKey, "<host key>"],
    [lab.registry.password, "<password>"],
    [folder, "<folder>"],
  ];
  for (const [place, name] of places) text = text.replaceAll(place, name);
  // Go's key parser also reports what was wrong with a line that it skipped.
  text = text.replaceAll(/; last parsing error for ignored line: [^"\\]*/g, "");
  const digests = new Map<string, string>();
  text = text.replace(/(?:sha256:)?\b[0-9a-f]{64}\b/g, (digest) => {
    if (!digests.has(digest)) digests.set(digest, `<digest ${digests.size + 1}>`);
    return digests.get(digest)!;
  });
  return JSON.parse(text);
}

/**
 * Whether it is something that a bridge to Terraform adds to a state: properties that are not set, and notes to itself. The
 * bridge can do without them in a state that another version, or a stand-in, has written.
 */
function isNothing(name: string, value: unknown): boolean {
  if (/^(\d+|__defaults|stdout|stderr|message|shown)$/.test(name)) return false;
  if (["__meta", "__pulumi_raw_state_delta"].includes(name)) return true;
  if (typeof value !== "object" || value === null) return !value;
  return Object.keys(value).length === 0;
}
