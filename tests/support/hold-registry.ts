/** Uses the registry of this machine, says so, and lives until its stdin ends: `hold-registry <port> <image>`. */
import { useLocalRegistry } from "../../adapters/local-registry";
import { Problems } from "../../core/problems";

const [port, image = ""] = process.argv.slice(2);
process.stdin.resume();
useLocalRegistry({ port: Number(port), image }).then(
  () => console.log("up"),
  (error) => {
    console.log(error instanceof Problems ? error.problems.join("\n") : error);
    process.exit(1);
  },
);
