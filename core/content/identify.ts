import { readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { digestFile, sha256 } from "./digest";
import { contentHash } from "./encode";
import { IgnoreRules, readIgnoreFile } from "./ignore";
import { Modes } from "./mode";
import {
  type BuildSpec,
  ContentError,
  type ContentFile,
  type ContentIdentity,
  type IdentifyOptions,
} from "./types";
import { walk } from "./walk";

/**
 * What the build of `spec` is made from, and its hash. Needs neither Docker nor the network.
 *
 * @throws ContentError for what the user has to mend: no context, no Dockerfile, an unreadable file, …
 */
export async function identify(spec: BuildSpec, options: IdentifyOptions = {}): Promise<ContentIdentity> {
  const dockerfile = readDockerfile(spec);
  const files: ContentFile[] = [];
  const main = contextFolder(spec.context, "the build context");
  const everything = { includes: () => true, mayInclude: () => true };
  files.push(...hashContext(main, ignoreRules(main, dockerfile.path), dockerfile.stat, everything));
  const contexts: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.additionalContexts).sort()) {
    if (!isAbsolute(value)) contexts[name] = value;
    else {
      contexts[name] = "a folder";
      const root = contextFolder(value, `the build context "${name}"`);
      const found = hashContext(root, ignoreRules(root, undefined), dockerfile.stat, everything);
      files.push(...found.map((file) => ({ ...file, context: name })));
    }
  }
  const inputs = {
    dockerfile: dockerfile.text,
    args: Object.fromEntries(Object.entries(spec.args).filter(([, value]) => value !== null)),
    target: spec.target,
    contexts,
    ...runInputs(spec),
    ...imageInputs(spec, options),
  };
  return {
    content: contentHash(inputs, files),
    wholeContext: true,
    reasons: ["the Dockerfile is not read yet"],
    files,
    inputs,
  };
}

function imageInputs(spec: BuildSpec, options: IdentifyOptions): Record<string, unknown> {
  return {
    platforms: [...spec.platforms].sort(),
    labels: spec.labels,
    secrets: [...spec.secrets].sort(),
    ssh: [...spec.ssh].sort(),
    provenance: spec.provenance,
    sbom: spec.sbom,
    fresh: options.fresh,
    baseDigests: options.baseDigests,
  };
}

function runInputs(spec: BuildSpec): Record<string, unknown> {
  const { network, extraHosts, shmSize, ulimits, privileged, entitlements, isolation } = spec;
  return { network, extraHosts, shmSize, ulimits, privileged, entitlements, isolation };
}

function hashContext(
  root: string,
  rules: IgnoreRules,
  sample: Stats | undefined,
  scope: Parameters<typeof walk>[2],
) {
  const modes = new Modes(sample, statSync(root));
  const files: ContentFile[] = [];
  for (const entry of walk(root, rules, scope)) {
    const { path, type } = entry;
    if (type === "file") {
      const digest = digestFile(root, path);
      if (digest) files.push({ path, type, mode: modes.of(digest.stat), sha256: digest.sha256 });
    } else if (type === "symlink") files.push({ path, type, mode: "0777", sha256: sha256(entry.target!) });
    else files.push({ path, type, mode: modes.of(entry.stat), sha256: "" });
  }
  return files;
}

function contextFolder(folder: string, what: string): string {
  if (!isAbsolute(folder))
    throw new ContentError(`${folder}: ${what} is not an absolute path; give the folder's full path`);
  try {
    const root = realpathSync(folder);
    if (statSync(root).isDirectory()) return root;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  throw new ContentError(`${folder}: ${what} is not a folder; correct the path in the compose file`);
}

function readDockerfile(spec: BuildSpec): { text: string; path?: string; stat?: Stats } {
  if (spec.dockerfileInline !== undefined) return { text: spec.dockerfileInline };
  const path = resolve(spec.context, spec.dockerfile ?? "Dockerfile");
  for (const candidate of basename(path) === "Dockerfile"
    ? [path, join(dirname(path), "dockerfile")]
    : [path]) {
    try {
      return { text: readFileSync(candidate, "utf8"), path, stat: statSync(candidate) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new ContentError(`${path}: there is no such Dockerfile; correct \`dockerfile\` in the compose file`);
}

/** The rules of `<Dockerfile>.dockerignore`, else of `.dockerignore` in the context. */
function ignoreRules(root: string, dockerfile: string | undefined): IgnoreRules {
  for (const path of [...(dockerfile ? [`${dockerfile}.dockerignore`] : []), join(root, ".dockerignore")]) {
    try {
      return new IgnoreRules(readIgnoreFile(readFileSync(path, "utf8"), relative(root, path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return new IgnoreRules([]);
}
