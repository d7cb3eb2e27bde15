/** The image stores that an engine can have: its own graph drivers, or containerd's snapshotters. */
export const stores = ["classic", "containerd"] as const;
export type Store = (typeof stores)[number];

/**
 * The Docker engines that a lab's hosts can have, each a target of `lab/image/Dockerfile`: what it is, and the image
 * stores that work there.
 */
export const engines = {
  /** The oldest that a host may have. */
  oldest: { what: "Docker 20.10, compose 2.17", stores: ["classic"] },
  /** Debian 13, as set-up installs it. */
  stable: { what: "Docker 26.1, compose 2.26", stores: ["classic", "containerd"] },
  newest: { what: "Docker 28.5, compose 2.40", stores: ["classic", "containerd"] },
  compose5: { what: "Docker 28.5, compose 5.0", stores: ["classic", "containerd"] },
} as const satisfies Record<string, { what: string; stores: readonly Store[] }>;
export type EngineName = keyof typeof engines;

/** What a host's containers and images are kept by. */
export interface LabEngine {
  engine: EngineName;
  store: Store;
}

export const defaultEngine: LabEngine = { engine: "stable", store: "classic" };

/** Every engine with every image store that works there. */
export const everyEngine: LabEngine[] = Object.entries(engines).flatMap(([engine, { stores }]) =>
  stores.map((store) => ({ engine: engine as EngineName, store })),
);

/** `newest/containerd`. */
export const engineText = ({ engine, store }: LabEngine): string => `${engine}/${store}`;

/**
 * Reads `newest/containerd`, or `newest` for its classic image store.
 *
 * @param where the setting it comes from, for the message.
 * @throws RangeError when there is no such engine, or it does not have that image store.
 */
export function parseEngine(text: string, where: string): LabEngine {
  const full = text.includes("/") ? text : `${text}/classic`;
  const found = everyEngine.find((one) => engineText(one) === full);
  if (found) return found;
  const known = everyEngine.map(engineText).join(", ");
  throw new RangeError(`${where}: there is no engine ${JSON.stringify(text)}; use one of ${known}`);
}
