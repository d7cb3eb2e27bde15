import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The ONBUILD instructions of an image that this machine's engine has; undefined where it has none such. */
export async function localOnBuild(image: string): Promise<string[] | undefined> {
  try {
    const { stdout } = await run("docker", ["image", "inspect", "--format", "{{json .Config}}", "--", image]);
    return (JSON.parse(stdout) as { OnBuild?: string[] | null } | null)?.OnBuild ?? [];
  } catch {
    return undefined;
  }
}
