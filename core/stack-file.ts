import { readFileSync } from "node:fs";
import { parseYaml } from "./parse";
import { Problems, problem } from "./problems";

/**
 * Pulumi's own variable for `--config-file`, which its programs inherit; `everfresh` sets it along with the flag, as Pulumi
 * does not tell its program of that.
 */
export const configFileVariable = "PULUMI_OPTION_CONFIG_FILE";

/**
 * The `config` of a `Pulumi.<stack>.yaml`, as it is written there: a secret is `{secure: …}`.
 *
 * @throws Problems when the file cannot be read, or is another kind of file.
 */
export function readStackConfig(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Problems([
      code === "ENOENT"
        ? problem(file, "does not exist", "name the stack with --stack, or the compose file with --file")
        : problem(file, `cannot be read (${code})`, "make it a file that you may read"),
    ]);
  }
  return stackConfig(text, file);
}

export function stackConfig(text: string, file: string): Record<string, unknown> {
  const { config } = group(parseYaml(text, file), file, "`config:` and what belongs to it");
  return group(config, `${file}: config`, "settings such as `everfresh:composeFile: compose.yaml`");
}

/** @throws Problems for anything but a group or nothing. */
function group(value: unknown, where: string, of: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Problems([problem(where, `must be a group of ${of}`, "correct it, or restore the file")]);
}
