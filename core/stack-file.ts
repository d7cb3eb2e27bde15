import { parseYaml } from "./parse";
import { Problems, problem } from "./problems";

/**
 * Pulumi's own variable for `--config-file`, which its programs inherit. `everfresh` sets it along with the flag, because
 * Pulumi does not tell its program about the flag.
 */
export const configFileVariable = "PULUMI_OPTION_CONFIG_FILE";

/**
 * The `config` of a `Pulumi.<stack>.yaml` as written there: a secret is `{secure: …}`.
 *
 * @param file - the name that messages use.
 * @throws Problems when the text is not such a file.
 */
export function parseStackConfig(text: string, file: string): Record<string, unknown> {
  const { config } = asGroup(parseYaml(text, file), file, "`config:` and what belongs to it");
  return asGroup(config, `${file}: config`, "settings such as `everfresh:composeFile: compose.yaml`");
}

/** @throws Problems unless the value is a group or absent. */
function asGroup(value: unknown, where: string, of: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Problems([problem(where, `must be a group of ${of}`, "correct it, or restore the file")]);
}
