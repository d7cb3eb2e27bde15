import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Properties, Value } from "../../../lab/pulumi/plugin/properties";
import type { World } from "../case";
import type { ProviderPlugin } from "../provider";

export const remoteImage = "docker:index/remoteImage:RemoteImage";
export const registryImage = "docker:index/registryImage:RegistryImage";
export const tag = "docker:index/tag:Tag";

/** Writes a context into the folder that the plugin works in. Its files are given by name. */
export async function context({ folder }: World, files: Record<string, string>): Promise<void> {
  await mkdir(path.join(folder, "app"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, "app", name), text);
}

/** The image of a case, in the lab's registry. */
export const imageName = ({ lab }: World, name: string) =>
  `${lab.registry.address}/conformance/${name}:content-1`;

export const built = (world: World, name: string, build: Properties = {}): Properties => ({
  name: imageName(world, name),
  triggers: { content: "1" },
  keepLocally: true,
  build: { context: "app", buildLogFile: "build.log", ...build },
});

export const auth = ({ lab: { registry } }: World, changes: Properties = {}): Properties => ({
  address: `http://${registry.address}`,
  username: registry.username,
  password: registry.password,
  ...changes,
});

export const pushed = (world: World, name: string, authConfig: Properties = auth(world)): Properties => ({
  name: imageName(world, name),
  triggers: { content: "1" },
  keepRemotely: true,
  authConfig,
});

/** The inputs that the engine has after a check. */
export async function checked(plugin: ProviderPlugin, type: string, news: Properties): Promise<Properties> {
  const answer = await plugin.check(type, news);
  if ("inputs" in answer && answer.inputs) return answer.inputs;
  throw new Error(JSON.stringify(answer));
}

export async function create(plugin: ProviderPlugin, type: string, news: Properties) {
  return plugin.create(type, await checked(plugin, type, news));
}

/** Builds an image with one file, the same for both sides. */
export async function someImage(plugin: ProviderPlugin, world: World, name: string): Promise<Properties> {
  await context(world, { Dockerfile: "FROM scratch\nCOPY page /\n", page: name });
  const outcome = await create(plugin, remoteImage, built(world, name));
  if ("error" in outcome) throw new Error(outcome.error);
  return outcome.properties;
}

/** An answer without the words of Go's libraries. */
export function essence<T>(answer: T): T {
  const error = (answer as { error?: string }).error?.replace(
    /(Error loading registry auth config:|no auth config found for registry \S+).*/s,
    "$1",
  );
  return error === undefined ? answer : { ...answer, error };
}

/** Puts a credential helper on the plugin's PATH. */
export async function helper({ folder }: World, name: string, answer: string, status = 0): Promise<void> {
  const file = path.join(folder, "bin", `docker-credential-${name}`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\ncat >/dev/null\necho '${answer}'\nexit ${status}\n`, { mode: 0o755 });
}

export const defined = (properties: Partial<Properties>): Properties =>
  Object.fromEntries(
    Object.entries(properties).filter((entry): entry is [string, Value] => entry[1] !== undefined),
  );
