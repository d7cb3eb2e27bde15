import { problem } from "../problems";
import { own } from "../records";
import type { ServiceNode } from "./document";
import type { ComposeService, PublishedPort } from "./project";

/** The host ports that a service publishes by number. */
export function readPorts(node: ServiceNode): PublishedPort[] {
  return (node.ports ?? []).flatMap(({ published, protocol, host_ip }) => {
    const port = Number(published);
    if (!Number.isInteger(port) || port <= 0) return [];
    return [{ port, protocol: protocol ?? "tcp", ...(host_ip ? { hostIp: host_ip } : {}) }];
  });
}

/** Problems of ports that more than one container would publish. */
export function portClashes(services: readonly ComposeService[]): string[] {
  const taken: (PublishedPort & { by: string })[] = [];
  return services.flatMap(({ name, replicas, published }) => {
    const where = `services.${name}.ports`;
    const problems = published.flatMap(({ port, protocol, hostIp }) => {
      const other = taken.find(
        (one) => one.port === port && one.protocol === protocol && overlap(one.hostIp, hostIp),
      );
      if (other)
        return [problem(where, `port ${port} is published by ${other.by} as well`, "publish another port")];
      if (replicas < 2) return [];
      return [
        problem(
          where,
          `${replicas} containers cannot publish the same port ${port}`,
          "publish it from a proxy in front of them, or run one container",
        ),
      ];
    });
    taken.push(...published.map((one) => ({ ...one, by: name })));
    return problems;
  });
}

/** Whether two sockets on the same port conflict when they are bound to these addresses. */
function overlap(a = "", b = ""): boolean {
  const all = { "": /^/, "0.0.0.0": /^[\d.]*$/, "::": /^$|:/ };
  const covers = (one: string, other: string) => own(all, one)?.test(other) ?? false;
  return a === b || covers(a, b) || covers(b, a);
}
