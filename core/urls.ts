import type { ComposeProject } from "./compose/project";
import type { Host } from "./settings";

/** The TCP ports that each host publishes beyond itself, as URLs to try in a browser. */
export function publishedUrls(project: ComposeProject, hosts: readonly Host[]): string[] {
  const ports = project.services
    .flatMap(({ published }) => published)
    .filter(({ protocol, hostIp }) => protocol === "tcp" && !/^(127\.|::1|localhost)/.test(hostIp ?? ""))
    .map(({ port }) => port);
  return hosts.flatMap(({ address }) =>
    [...new Set(ports)]
      .sort((a, b) => a - b)
      .map((port) => url(address.includes(":") ? `[${address}]` : address, port)),
  );
}

function url(host: string, port: number): string {
  if (port === 443) return `https://${host}`;
  return port === 80 ? `http://${host}` : `http://${host}:${port}`;
}
