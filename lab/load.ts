import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { vegeta } from "./vegeta";

/** One part of the load: requests of one kind at a constant rate. */
export interface Stream {
  name: string;
  /** Requests per second. They are sent on time, whether earlier ones have been answered or not. */
  rate: number;
  method: "GET" | "POST";
  path: string;
  /** Whether requests share connections; if not, each opens one. */
  keepAlive: boolean;
}

/** One request. */
export interface Hit {
  stream: string;
  /** When it was sent, in milliseconds since the epoch. */
  at: number;
  /** From sending it to the end of the answer, in milliseconds. */
  took: number;
  /** The status of the answer; 0 when there was none, or not all of it. */
  status: number;
  /** What went wrong; empty when the status is 200. */
  error: string;
  /** The answer's text, trimmed. */
  body: string;
}

export interface LoadReport {
  /** Every request, in the order in which they were sent. */
  hits: Hit[];
  /** Those that were answered with another status than 200, too late, or not at all. */
  failures: Hit[];
}

export interface LoadOptions {
  /** Requests per second, of all streams together; default 300. */
  rate?: number;
  /** After how many seconds a request without a full answer has failed; default 5. */
  timeout?: number;
}

/** The streams' rates are parts of the whole; the last one's requests take 2 s. */
const mix = (rate: number): Stream[] => [
  { name: "kept", rate: Math.round(rate * 0.5), method: "GET", path: "/", keepAlive: true },
  { name: "fresh", rate: Math.round(rate * 0.25), method: "GET", path: "/", keepAlive: false },
  { name: "post", rate: Math.round(rate * 0.2), method: "POST", path: "/", keepAlive: true },
  { name: "slow", rate: Math.round(rate * 0.05), method: "GET", path: "/slow", keepAlive: true },
];

/**
 * Sends requests to a proxy at a constant rate until it is told to stop: GETs on kept and on fresh connections, POSTs, and
 * requests that take 2 s. `await using` ends it when a test fails.
 *
 * @param url of the proxy; the answers' bodies are taken for the version that gave them.
 * @returns once the first request of each stream has ended, so that each has at least one.
 * @throws RangeError when the rate is below 10.
 */
export async function startLoad(url: string, options: LoadOptions = {}) {
  const { rate = 300, timeout = 5 } = options;
  // To vegeta, a rate of 0 means as fast as possible.
  if (rate < 10) throw new RangeError(`load: a rate of ${rate} leaves a kind of request out; use 10 or more`);
  const program = await vegeta();
  const streams = mix(rate).map((stream) => start(program, url, stream, timeout));
  const end = () => {
    for (const { stop } of streams) stop();
    return Promise.all(streams.map(({ hits }) => hits));
  };
  await Promise.all(streams.map(({ begun }) => begun));
  return {
    /** Sends no more requests, waits for the answers to those that are under way, and reports. */
    async stop(): Promise<LoadReport> {
      const hits = (await end()).flat().sort((a, b) => a.at - b.at);
      return { hits, failures: hits.filter(({ error }) => error !== "") };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await end();
    },
  };
}

function start(program: string, url: string, stream: Stream, timeout: number) {
  const attack = spawn(
    program,
    [
      "attack",
      `-name=${stream.name}`,
      `-rate=${stream.rate}/1s`,
      "-duration=1h", // so that it ends even if this process is killed
      `-timeout=${timeout}s`,
      `-keepalive=${stream.keepAlive}`,
      "-redirects=-1",
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  attack.stdin.end(`${stream.method} ${new URL(stream.path, url)}\n`);
  const encode = spawn(program, ["encode", "-to=json"], { stdio: ["pipe", "pipe", "inherit"] });
  attack.stdout.pipe(encode.stdin);
  let said = "";
  attack.stderr.on("data", (data) => {
    said += data;
  });
  let begin = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const hits = read();
  // Why it ended is told to whoever waits for the hits.
  hits.catch(() => {}).finally(begin);
  return { stop: () => attack.kill("SIGINT"), begun, hits };

  async function read(): Promise<Hit[]> {
    const ended = new Promise<number | null>((resolve, reject) => {
      attack.once("error", reject);
      encode.once("error", reject);
      attack.once("close", resolve);
    });
    const hits: Hit[] = [];
    for await (const line of createInterface({ input: encode.stdout })) {
      hits.push(hitOf(line));
      begin();
    }
    const status = await ended;
    if (status !== 0) throw new Error(`load: vegeta attack ended with status ${status}: ${said.trim()}`);
    if (hits.length === 0) throw new Error(`load: vegeta sent no request of the stream ${stream.name}`);
    return hits;
  }
}

function hitOf(line: string): Hit {
  const { attack, timestamp, latency, code, error, body } = JSON.parse(line);
  return {
    stream: attack,
    at: Date.parse(timestamp),
    took: latency / 1e6,
    status: code,
    // vegeta reports no error for some statuses, such as 304.
    error: error || (code === 200 ? "" : `status ${code}`),
    body: Buffer.from(body ?? "", "base64")
      .toString()
      .trim(),
  };
}
