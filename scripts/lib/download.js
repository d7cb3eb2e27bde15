// Usage: node download.js <url> <file>
const { createWriteStream } = require("node:fs");
const { Transform } = require("node:stream");
const { pipeline } = require("node:stream/promises");

/** Milliseconds after which a download that receives nothing is given up. */
const PATIENCE_MS = 10_000;

const [url, file] = process.argv.slice(2);
const silence = new AbortController();
const timer = setTimeout(() => silence.abort(new Error("no answer in time")), PATIENCE_MS);
const heard = new Transform({
  transform(bytes, _, pass) {
    timer.refresh();
    pass(null, bytes);
  },
});
fetch(url, { signal: silence.signal })
  .then((answer) => {
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return pipeline(answer.body, heard, createWriteStream(file));
  })
  .catch((error) => {
    console.error(`${url}: ${error.cause?.message ?? error.message}`);
    process.exitCode = 1;
  })
  .finally(() => clearTimeout(timer));
