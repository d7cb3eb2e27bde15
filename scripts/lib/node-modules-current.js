// Exits 0 when node_modules holds what package-lock.json asks for. npm writes the same kind of list into
// node_modules as the last act of an installation, so one that was cut off does not count.
const path = require("node:path");

const root = process.argv[2];
const packages = (file) => require(path.join(root, file)).packages;
try {
  const have = packages("node_modules/.package-lock.json");
  const missing = Object.entries(packages("package-lock.json")).filter(
    ([folder, { integrity, optional }]) =>
      folder !== "" && !optional && have[folder]?.integrity !== integrity,
  );
  process.exitCode = missing.length === 0 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
