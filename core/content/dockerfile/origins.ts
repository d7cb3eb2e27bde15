import type { Instruction } from "./read";
import { Unsure } from "./unsure";

/** What `--from` and the `from=` of mounts name; empty for an instruction that reads the main context or nothing. */
export function originNames({ keyword, flags, line }: Instruction): string[] {
  if (keyword === "COPY") {
    return flags.filter((flag) => flag.startsWith("--from=")).map((flag) => flag.slice("--from=".length));
  }
  if (keyword !== "RUN") return [];
  return mountsOf(flags, line).flatMap((mount) => (mount.from ? [mount.from] : []));
}

/** Each `--mount` of a RUN, with lower-case keys and `type` always set. */
export function mountsOf(
  flags: string[],
  line: number,
): ({ type: string } & Record<string, string | undefined>)[] {
  return flags
    .filter((flag) => flag.startsWith("--mount="))
    .map((flag) => {
      const fields = flag.slice("--mount=".length);
      if (fields.includes('"')) throw new Unsure(`a mount in line ${line} has quotes`);
      const pairs = fields.split(",").map((field) => {
        const at = field.indexOf("=");
        return at < 0 ? [field.toLowerCase(), ""] : [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
      });
      return { type: "bind", ...(Object.fromEntries(pairs) as Record<string, string>) };
    });
}
