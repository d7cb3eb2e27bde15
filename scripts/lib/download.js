// Usage: node download.js <url> <file>
const { createWriteStream } = require("node:fs");
const { pipeline } = require("node:stream/promises");

const [url, file] = process.argv.slice(2);
fetch(url)
  .then((answer) => {
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return pipeline(answer.body, createWriteStream(file));
  })
  .catch((error) => {
    console.error(`${url}: ${error.cause?.message ?? error.message}`);
    process.exitCode = 1;
  });
