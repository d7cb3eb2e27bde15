import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const version = readFileSync("version", "utf8").trim();
let stopping = false;

const server = createServer(async (request, response) => {
  if (request.url === "/slow") await pause(2000);
  // Tells the proxy not to send another request on this connection.
  if (stopping) response.setHeader("connection", "close");
  if (request.url === "/health" && (stopping || existsSync("/tmp/draining"))) response.statusCode = 503;
  response.end(`${version}\n`);
});

server.listen(8080, () => console.log(`web: version ${version} listens`));

// Goes on answering until a proxy's health check has seen that it stops; then it refuses new connections, finishes the
// requests that are running, and exits.
process.on("SIGTERM", async () => {
  stopping = true;
  await pause(2000);
  // Otherwise, close() would also cut a connection whose request is still on its way.
  server.closeIdleConnections = () => {};
  server.close(() => process.exit(0));
});
