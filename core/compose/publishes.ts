import type { ServiceNode } from "./document";

/** How many containers a service has. */
export const replicasOf = ({ scale, deploy }: Pick<ServiceNode, "scale" | "deploy">): number =>
  scale ?? deploy?.replicas ?? 1;

/** Whether a service occupies its published ports: docker ignores them on the host's own network. */
export const publishes = (node: Pick<ServiceNode, "scale" | "deploy" | "network_mode">): boolean =>
  replicasOf(node) > 0 && node.network_mode !== "host";
