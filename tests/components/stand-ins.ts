import { createRequire } from "node:module";
import path from "node:path";
import type { StackOutputs } from "../../components/stack-outputs";
import type { ComposeText } from "../../core/compose/document";
import type { HostState } from "../../core/host/types";

const require = createRequire(__filename);
const root = path.join(__dirname, "../..");

/** What the program meets outside: it is asked each time, so that a test may change it between two runs. */
export interface Outside {
  compose(): ComposeText;
  /** The digest that the registry has under this name. */
  registry(name: string): string | undefined;
  /** Removes build cache of a kind, or of all, that is so old, and says how much it was. */
  prune?(unusedHours: number, kind?: string): string | undefined;
  /** Brings an image into this machine's engine. */
  pull?(image: string): void;
  /** The ONBUILD instructions of a base image that this machine's engine has. */
  onBuild?(image: string): string[] | undefined;
  /** The layers that a registry tells of an image; default: none does. */
  layers?(name: string): { diffId: string; bytes: number }[] | undefined;
  host(name: string): HostState;
  commit(): { commit: string; dirty?: string } | undefined;
}

/** The modules that reach outside, and those that import them. */
const adapters = ["compose", "engine", "git", "onbuild-memory", "probe", "registry"].map(
  (name) => `adapters/${name}.ts`,
);
const wiring = [
  "index.ts",
  ...["build-cache", "built-bases", "service-images"].map((name) => `components/${name}.ts`),
  ...["index", "bases", "contents", "followed-tags", "hosts", "layers"].map((name) => `preflight/${name}.ts`),
];

/** Loads `index.ts` with stand-ins in the places of the adapters; all other modules are the real ones. */
export function loadProgram(outside: Outside): () => Promise<Required<StackOutputs>> {
  const standIns: Record<string, object> = {
    compose: { readCompose: async () => outside.compose() },
    engine: {
      localOnBuild: async (image: string) => outside.onBuild?.(image) ?? [],
      pullImage: async (image: string) => outside.pull?.(image),
      pruneBuildCache: async (hours: number, kind?: string) => outside.prune?.(hours, kind),
    },
    "onbuild-memory": { readMemory: async () => ({}), writeMemory: async () => {} },
    git: {
      ...require(path.join(root, "adapters/git.ts")),
      readWorkingTree: async () => outside.commit(),
    },
    probe: { probeHost: async ({ name }: { name: string }) => outside.host(name) },
    registry: {
      ...require(path.join(root, "adapters/registry.ts")),
      resolveDigest: async (name: string) => outside.registry(name),
      imageLayers: async (name: string) => outside.layers?.(name),
    },
  };
  const taken = [...adapters, ...wiring].map((file) => path.join(root, file));
  const before = taken.map((id) => [id, require.cache[id]] as const);
  try {
    for (const id of taken) {
      const exports = standIns[path.basename(id, ".ts")];
      if (id.includes(`${path.sep}adapters${path.sep}`)) {
        require.cache[id] = { id, filename: id, loaded: true, exports } as NodeJS.Module;
      } else delete require.cache[id];
    }
    return require(path.join(root, "index.ts"));
  } finally {
    for (const [id, module] of before) {
      if (module) require.cache[id] = module;
      else delete require.cache[id];
    }
  }
}
