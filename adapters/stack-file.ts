import { readFileSync } from "node:fs";
import { Problems, problem } from "../core/problems";
import { parseStackConfig } from "../core/stack-file";

/**
 * Reads the `config` of a `Pulumi.<stack>.yaml` as written there: a secret is `{secure: …}`.
 *
 * @throws Problems when the file cannot be read or is not such a file.
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
        : problem(file, `cannot be read (${code})`, "make it a file that you can read"),
    ]);
  }
  return parseStackConfig(text, file);
}
