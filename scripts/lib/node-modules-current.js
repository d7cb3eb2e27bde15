// Exits with 0 if node_modules has what package-lock.json asks for. npm writes such a list into node_modules as the last step
// of an installation, so an interrupted one does not count.
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
