/** The image stores of a Docker engine: its own graph drivers (`classic`) or containerd's snapshotters. */
export const stores = ["classic", "containerd"] as const;
export type Store = (typeof stores)[number];

/**
 * The Docker engines that a lab's hosts can run, with the image stores that work with each. Each is a target of
 * `lab/image/Dockerfile`.
 */
export const engines = {
  /** The oldest engine that everfresh supports on a host. */
  oldest: { what: "Docker 20.10, compose 2.17", stores: ["classic"] },
  /** The packages of Debian 13, which set-up also installs. */
  stable: { what: "Docker 26.1, compose 2.26", stores: ["classic", "containerd"] },
  newest: { what: "Docker 28.5, compose 2.40", stores: ["classic", "containerd"] },
  compose5: { what: "Docker 28.5, compose 5.0", stores: ["classic", "containerd"] },
} as const satisfies Record<string, { what: string; stores: readonly Store[] }>;
export type EngineName = keyof typeof engines;

/** The engine of a lab's hosts and its image store. */
export interface LabEngine {
  engine: EngineName;
  store: Store;
}

export const defaultEngine: LabEngine = { engine: "stable", store: "classic" };

/** Every engine with every image store that works with it. */
export const everyEngine: LabEngine[] = Object.entries(engines).flatMap(([engine, { stores }]) =>
  stores.map((store) => ({ engine: engine as EngineName, store })),
);

/** `newest/containerd`. */
export const engineText = ({ engine, store }: LabEngine): string => `${engine}/${store}`;

/**
 * Reads `newest/containerd`; `newest` alone means its classic image store.
 *
 * @param where the setting it comes from, for the message.
 * @throws RangeError when there is no such engine, or that image store does not work with it.
 */
export function parseEngine(text: string, where: string): LabEngine {
  const full = text.includes("/") ? text : `${text}/classic`;
  const found = everyEngine.find((one) => engineText(one) === full);
  if (found) return found;
  const known = everyEngine.map(engineText).join(", ");
  throw new RangeError(`${where}: there is no engine ${JSON.stringify(text)}; use one of ${known}`);
}
