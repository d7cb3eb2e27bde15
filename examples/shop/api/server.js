import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { redis } from "./redis.js";

const { CURRENCY, DISCOUNT_PERCENT } = process.env;
const voucherKey = readFileSync("/run/secrets/voucher_key", "utf8").trim();
// The same for everybody, and another as soon as the key is another.
const voucher = createHmac("sha256", voucherKey).update(`${DISCOUNT_PERCENT}`).digest("hex").slice(0, 8).toUpperCase();

const server = createServer(async (request, response) => {
  try {
    if (request.url === "/health") return response.end(`${await redis("PING")}\n`);
    if (request.url !== "/visit" || request.method !== "POST") return response.writeHead(404).end();
    const visits = Number(await redis("INCR", "visits"));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ visits, voucher, discount: DISCOUNT_PERCENT, currency: CURRENCY }));
  } catch (error) {
    console.error(`api: ${error.message}`);
    response.writeHead(503).end();
  }
});

server.listen(3000, () => console.log("api: listening"));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
