import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { PackageDependency } from "@pulumi/pulumi/proto/plugin_pb";

interface Manifest {
  name: string;
  version: string;
  /** How a package declares that it needs a plugin. */
  pulumi?: { resource?: boolean; name?: string; version?: string; server?: string };
}

/** The plugins that the program's packages declare. Packages nested in packages are not searched. */
export function packagesWithPlugins(folder: string): PackageDependency[] {
  const modules = path.join(folder, "node_modules");
  return foldersOf(modules).flatMap((name) => {
    const { pulumi, ...manifest } = readManifest(path.join(modules, name));
    if (!pulumi?.resource) return [];
    const dependency = new PackageDependency();
    dependency.setKind("resource");
    dependency.setName(pulumi.name ?? manifest.name.replace(/^@pulumi\//, ""));
    dependency.setVersion(`v${(pulumi.version ?? manifest.version).replace(/^v/, "")}`);
    dependency.setServer(pulumi.server ?? "");
    return [dependency];
  });
}

/** `yaml`, `@pulumi/docker`, … */
function foldersOf(modules: string): string[] {
  return namesIn(modules).flatMap((name) =>
    name.startsWith("@") ? namesIn(path.join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readManifest(folder: string): Partial<Manifest> & { name: string; version: string } {
  const none = { name: "", version: "" };
  try {
    const text = readFileSync(path.join(folder, "package.json"), "utf8");
    return text.includes('"pulumi"') ? (JSON.parse(text) as Manifest) : none;
  } catch {
    return none; // not a package: `.bin`, `.package-lock.json`
  }
}
