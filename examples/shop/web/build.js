// Copies src/ to dist/ and fills in what is known when the image is built.
import { cpSync, readFileSync, writeFileSync } from "node:fs";

cpSync("src", "dist", { recursive: true });
cpSync("package.json", "dist/package.json");
const page = readFileSync("src/page.js", "utf8");
writeFileSync("dist/page.js", page.replaceAll("__SHOP_NAME__", JSON.stringify(process.env.SHOP_NAME).slice(1, -1)));
