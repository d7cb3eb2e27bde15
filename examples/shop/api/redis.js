import { createConnection } from "node:net";

/** Sends one command to redis on a connection of its own and returns the one-line reply (RESP: `+text` or `:number`). */
export function redis(...words) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: "redis", port: 6379, timeout: 2000 });
    let reply = "";
    socket.setEncoding("utf8");
    socket.on("timeout", () => socket.destroy(new Error("redis: no answer within 2 s")));
    socket.on("error", reject);
    socket.on("data", (text) => {
      reply += text;
      if (!reply.endsWith("\r\n")) return;
      socket.end();
      if (reply.startsWith("-")) reject(new Error(`redis: ${reply.slice(1).trim()}`));
      else resolve(reply.slice(1).trim());
    });
    const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.write(`*${words.length}\r\n${bulk.join("")}`);
  });
}
