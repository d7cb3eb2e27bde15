import { readFileSync } from "node:fs";
import { createServer } from "node:http";

/**
 * A Docker engine with one container, for the real `docker` command line: so its templates and its escaping are the real
 * ones. A process of its own, as tests wait for shells: `engine.ts <socket> <file>`; the file has the container's labels
 * and log, and is read anew for each answer.
 */
const [socket, file] = process.argv.slice(2) as [string, string];

export interface Played {
  id: string;
  imageId: string;
  digest: string;
  labels: Record<string, string>;
  log: string;
}

// It ends with those who started it, however they end.
process.stdin.resume().once("end", () => process.exit());

createServer(({ url = "" }, response) => {
  const { id, imageId, digest, labels, log } = JSON.parse(readFileSync(file, "utf8")) as Played;
  const path = decodeURIComponent(new URL(url, "http://engine").pathname).replace(/^\/v[\d.]+/, "");
  const container = {
    Id: id,
    Image: imageId,
    Name: "/shop-web-1",
    RestartCount: 0,
    State: { Status: "running", Running: true, ExitCode: 0, StartedAt: "2026-03-01T10:00:00Z" },
    // With a terminal its log comes as it is, without frames.
    Config: { Tty: true, Image: "r/web", Labels: labels },
    HostConfig: { LogConfig: { Type: "json-file" } },
    NetworkSettings: { Networks: {} },
    Mounts: [],
  };
  const image = {
    Id: imageId,
    RepoTags: ["r/web:1"],
    RepoDigests: [`r/web@${digest}`],
    Architecture: "amd64",
    Size: 1,
  };
  response.setHeader("Api-Version", "1.41").setHeader("Ostype", "linux");
  if (path === "/_ping") response.end("OK");
  else if (path === "/containers/json")
    response.end(JSON.stringify([{ Id: id, Image: "r/web", Labels: labels }]));
  else if (path.endsWith("/logs")) response.end(log);
  else if (path.startsWith("/containers/")) response.end(JSON.stringify(container));
  else if (path.startsWith("/images/")) response.end(JSON.stringify(image));
  else if (path === "/info") response.end(JSON.stringify({ ID: "engine", OSType: "linux" }));
  else response.writeHead(404).end(JSON.stringify({ message: `not played: ${path}` }));
}).listen(socket, () => console.log("listening"));
