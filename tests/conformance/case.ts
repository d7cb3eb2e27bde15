import type { Lab } from "../../lab/lab";

/** What a plugin is asked, and what it answers: the official one and the stand-in alike. */
export interface Case<P> {
  /** An obligation, as a test is named. */
  name: string;
  ask(plugin: P, world: World): Promise<unknown>;
  /** Some words of the answer are those of this machine's builder: only side by side they are the same. */
  sideBySide?: true;
}

/** What the plugins act on. */
export interface World {
  lab: Lab;
  /** The folder that a plugin works in, as the engine would start it in the program's. */
  folder: string;
}

/**
 * An answer in which what is another one each time has a name: digests and random values by the order in which they come
 * (`<digest 1>`), places of this lab and machine.
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
  // Go's parser of keys also tells what was wrong with a line that it passed over.
  text = text.replaceAll(/; last parsing error for ignored line: [^"\\]*/g, "");
  const digests = new Map<string, string>();
  text = text.replace(/(?:sha256:)?\b[0-9a-f]{64}\b/g, (digest) => {
    if (!digests.has(digest)) digests.set(digest, `<digest ${digests.size + 1}>`);
    return digests.get(digest)!;
  });
  return JSON.parse(text);
}

/**
 * What a bridge to Terraform writes into a state beyond what is set there: every property that is not, and notes to itself. It
 * does without them in a state that was written by another version, and by a stand-in.
 */
function isNothing(name: string, value: unknown): boolean {
  if (/^(\d+|__defaults|stdout|stderr|message|shown)$/.test(name)) return false;
  if (["__meta", "__pulumi_raw_state_delta"].includes(name)) return true;
  if (typeof value !== "object" || value === null) return !value;
  return Object.keys(value).length === 0;
}
