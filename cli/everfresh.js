#!/usr/bin/env node
// The command line is TypeScript, run without a build step. This registers tsx and starts it, from any folder.
try {
  require("tsx/cjs");
} catch (error) {
  if (error.code !== "MODULE_NOT_FOUND") throw error;
  console.error(
    `everfresh: its node modules are missing; run \`npm run setup\` in ${require("node:path").dirname(__dirname)}`,
  );
  process.exit(2);
}
void require("./main.ts").main(process.argv);
