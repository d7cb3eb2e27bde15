import { readCompose } from "./compose";
import { localOnBuild, pruneBuildCache, pullImage } from "./engine";
import { readWorkingTree } from "./git";
import { useLocalRegistry } from "./local-registry";
import { readMemory, writeMemory } from "./onbuild-memory";
import { probeHost } from "./probe";
import { imageLayers, onBuildOf, resolveDigest } from "./registry";
import { pushLogin } from "./registry-access";

/** Everything outside the program that it reads or calls; tests replace it. */
export const outside = {
  readCompose,
  readWorkingTree,
  probeHost,
  /** This machine's engine. */
  localOnBuild,
  pullImage,
  pruneBuildCache,
  readOnBuildMemory: readMemory,
  writeOnBuildMemory: writeMemory,
  /** Registries. */
  useLocalRegistry,
  resolveDigest,
  imageLayers,
  onBuildOf,
  /** Docker's own logins. */
  pushLogin,
};

export type Outside = typeof outside;
