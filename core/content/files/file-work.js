// Plain JavaScript, because worker threads run it too: they start in 15 ms, and loading TypeScript would take ten
// times as long.
const { createHash, hash } = require("node:crypto");
const { closeSync, constants, fstatSync, lstatSync, openSync, readSync } = require("node:fs");

const STAT_FIELDS = 6;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const buffer = Buffer.allocUnsafeSlow(1 << 18);

function putStat(stat, out, at) {
  out[at] = stat.mode;
  out[at + 1] = stat.size;
  out[at + 2] = stat.mtimeMs;
  out[at + 3] = stat.ctimeMs;
  out[at + 4] = stat.ino;
  out[at + 5] = stat.dev;
}

function statAll(root, paths, out) {
  for (let i = 0; i < paths.length; i++) {
    try {
      const stat = lstatSync(root + paths[i], { throwIfNoEntry: false });
      if (stat) putStat(stat, out, i * STAT_FIELDS);
    } catch {
      // The caller tries again and reports what is wrong.
    }
  }
}

function digestOpen(fd, size) {
  let n = readSync(fd, buffer, 0, buffer.length, 0);
  if (n >= size && n < buffer.length)
    return { sha256: hash("sha256", buffer.subarray(0, n), "hex"), bytes: n };
  const whole = createHash("sha256");
  let bytes = 0;
  while (n > 0) {
    whole.update(buffer.subarray(0, n));
    bytes += n;
    n = readSync(fd, buffer, 0, buffer.length, bytes);
  }
  return { sha256: whole.digest("hex"), bytes };
}

function digestIfUnchanged(path, stats, at) {
  const fd = openSync(path, FLAGS);
  try {
    const { sha256, bytes } = digestOpen(fd, stats[at + 1]);
    const now = fstatSync(fd);
    const same = bytes === now.size && now.size === stats[at + 1] && now.mtimeMs === stats[at + 2];
    return same && now.ctimeMs === stats[at + 3] && now.ino === stats[at + 4] ? sha256 : undefined;
  } finally {
    closeSync(fd);
  }
}

function digestAll(root, paths, stats, out) {
  for (let i = 0; i < paths.length; i++) {
    let sha256;
    try {
      sha256 = digestIfUnchanged(root + paths[i], stats, i * STAT_FIELDS);
    } catch {
      // As in statAll.
    }
    if (sha256) out.set(Buffer.from(sha256, "latin1"), i * 64);
  }
}

function runJob({ kind, root, paths, stats, digests }) {
  const list = paths.split("\0");
  if (kind === "stat") statAll(`${root}/`, list, new Float64Array(stats));
  else digestAll(`${root}/`, list, new Float64Array(stats), new Uint8Array(digests));
}

module.exports = { STAT_FIELDS, putStat, digestIfUnchanged, runJob };
