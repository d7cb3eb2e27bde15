import { readdirSync } from "node:fs";
import path from "node:path";
import { readStackConfig } from "../adapters/stack-file";
import { Problems, problem } from "../core/problems";
import { composeFilesIn } from "../core/settings";
import { configFileVariable } from "../core/stack-file";
import { project } from "./project";
import type { WorkingTreeSource } from "./working-tree";

/** The path of a stack's configuration file, for what has to work without Pulumi; undefined if several could be meant. */
export function stackFile({
  stack,
  configFile,
}: {
  stack?: string;
  configFile?: string;
}): string | undefined {
  const given = configFile ?? process.env[configFileVariable];
  if (given !== undefined && given !== "") return given;
  const name = stack ?? process.env.PULUMI_STACK;
  // `organization/project/stack` names the same file as `stack`.
  if (name !== undefined && name !== "") return path.join(project, `Pulumi.${name.split("/").at(-1)}.yaml`);
  const files = readdirSync(project).filter((file) => /^Pulumi\..+\.yaml$/.test(file));
  return files.length === 1 ? path.join(project, files[0]!) : undefined;
}

/**
 * Where the stack's compose project is, and what else affects its builds. Paths are relative to the checkout, as in Pulumi.
 *
 * @throws Problems when the file cannot be read, or does not name the compose file.
 */
export function readSource(file: string): WorkingTreeSource {
  const config = readStackConfig(file);
  const text = (key: string): string | undefined => {
    const value = config[`everfresh:${key}`];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const composeFile = text("composeFile");
  if (composeFile === undefined) {
    throw new Problems([
      problem(
        `${file}: everfresh:composeFile`,
        "is not set, or is a secret",
        "set it in plain text, or give --file",
      ),
    ]);
  }
  const [projectName, envFile, fresh] = [text("projectName"), text("envFile"), text("fresh")];
  return {
    composeFiles: composeFilesIn(composeFile),
    ...(projectName ? { projectName } : {}),
    ...(envFile ? { envFile } : {}),
    ...(fresh ? { fresh } : {}),
    ...baseImageSource(config),
  };
}

/** With `pullBase`, the digests of the base images count. Credentials are secrets, so docker's own login is used. */
function baseImageSource(config: Record<string, unknown>): Pick<WorkingTreeSource, "pullBase" | "registry"> {
  if (String(config["everfresh:pullBase"]) !== "true") return {};
  const { address, insecure } = (config["everfresh:registry"] ?? {}) as Record<string, unknown>;
  const known = typeof address === "string" ? address : "docker.io";
  return {
    pullBase: true,
    registry: { address: known, pullAddress: known, insecure: String(insecure) === "true" },
  };
}
