import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { bindMounts, type ComposeDocument, type ServiceNode, undoubled } from "../core/compose/document";
import { inTemporaryFolder } from "./temporary-folder";

/** Resolves a compose file with `docker compose config --format json`, in the project's environment. */
export type ResolveFile = (file: string) => Promise<string>;

/**
 * The values of variables as compose sees them, found by letting it resolve a service that has them in its environment.
 *
 * @returns the variables that are set.
 */
export async function resolveVariables(
  names: readonly string[],
  resolveFile: ResolveFile,
): Promise<Record<string, string>> {
  if (names.length === 0) return {};
  const unset = `everfresh-${randomUUID()}`;
  const references = names.map((name) => [name, `\${${name}-${unset}}`]);
  const { environment } = await resolveService({ environment: Object.fromEntries(references) }, resolveFile);
  const values = Object.entries(environment as Record<string, string>);
  return Object.fromEntries(
    values.filter(([, value]) => value !== unset).map(([name, value]) => [name, undoubled(value)]),
  );
}

/**
 * Whether a bind mount without a printed `create_host_path` has it in this version of compose. If no mount of the documents
 * shows that, a mount that is known to have it does.
 */
export async function createsHostPaths(
  documents: readonly ComposeDocument[],
  resolveFile: ResolveFile,
): Promise<boolean> {
  const mounts = documents.flatMap(bindMounts);
  if (mounts.length === 0) return false;
  const [printed] = mounts.flatMap(({ bind }) => bind?.create_host_path ?? []);
  if (printed !== undefined) return printed === false;
  const { volumes } = await resolveService({ volumes: ["/everfresh:/everfresh"] }, resolveFile);
  return volumes![0]!.bind?.create_host_path !== true;
}

/** Lets compose resolve a service that belongs to no project. */
function resolveService(service: object, resolveFile: ResolveFile): Promise<ServiceNode> {
  const name = `everfresh-${randomUUID()}`;
  return inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "compose.yaml");
    await writeFile(file, JSON.stringify({ services: { [name]: { image: "none", ...service } } }));
    const { services } = JSON.parse(await resolveFile(file)) as ComposeDocument;
    return services[name]!;
  });
}
