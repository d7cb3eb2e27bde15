import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const folder = path.join(__dirname, "vegeta");
const module = "github.com/tsenart/vegeta/v12";

/**
 * The path of vegeta, the load generator that lab/vegeta/go.mod pins. If it is not in the user's cache, it is built there
 * from the Go module proxy, in about a minute; go compares each module with lab/vegeta/go.sum.
 *
 * @throws Error when it cannot be built, e.g. when go is missing.
 */
export async function vegeta(): Promise<string> {
  const pins = await Promise.all(["go.mod", "go.sum"].map((file) => readFile(path.join(folder, file))));
  const [, version] = /vegeta\/v12 v(\S+)/.exec(String(pins[0])) ?? [];
  const sum = createHash("sha256").update(Buffer.concat(pins)).digest("hex").slice(0, 12);
  const name = `vegeta-${version}-${process.platform}-${process.arch}-${sum}`;
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"), "everfresh");
  const binary = path.join(cache, name);
  const isThere = await access(binary).then(
    () => true,
    () => false,
  );
  if (!isThere) await build(cache, binary, `vegeta ${version}`);
  return binary;
}

async function build(cache: string, binary: string, what: string): Promise<void> {
  console.error(`load: building ${what} from the Go module proxy (about a minute)`);
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(path.join(cache, "vegeta-build-"));
  try {
    const built = path.join(workshop, "vegeta");
    // Go's caches are those of the build, not the user's.
    const env = {
      ...process.env,
      GOPATH: workshop,
      GOMODCACHE: path.join(workshop, "modules"),
      GOCACHE: path.join(workshop, "compiled"),
      GOWORK: "off",
      CGO_ENABLED: "0",
    };
    const options = ["-mod=readonly", "-modcacherw", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
    await run("nice", ["-n", "10", "go", "build", ...options, "-o", built, module], { cwd: folder, env });
    await rename(built, binary);
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    const why = stderr.trim().split("\n").at(-1) || message;
    throw new Error(
      `load: ${what} cannot be built: ${why}; install Go 1.24 or newer, check \`go env GOPROXY\` and run it again`,
    );
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}
