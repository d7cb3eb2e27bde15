import { createServer } from "node:http";
import { renderPage } from "./page.js";

const api = process.env.API_URL;

const server = createServer(async (request, response) => {
  if (request.url === "/health") return response.end("ok\n");
  if (request.url !== "/") return response.writeHead(404).end("no such page\n");
  try {
    const answer = await fetch(`${api}/visit`, { method: "POST", signal: AbortSignal.timeout(3000) });
    if (!answer.ok) throw new Error(`api: status ${answer.status}`);
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(renderPage(await answer.json()));
  } catch (error) {
    console.error(`web: ${error.message}`);
    response.writeHead(502).end("the shop is closed for a moment\n");
  }
});

server.listen(3000, () => console.log("web: listening"));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
