import { execFile } from "node:child_process";

/** A `docker` command failed. `message` is one line; `stdout` and `stderr` are everything it printed. */
export class DockerError extends Error {
  constructor(
    message: string,
    readonly stdout: string,
    readonly stderr: string,
    /** Its exit status; undefined when it could not be started at all. */
    readonly status: number | undefined,
  ) {
    super(message);
    this.name = "DockerError";
  }
}

/**
 * Runs `docker` on this machine and returns what it prints (UTF-8, without the last line end).
 *
 * @param input is written to its standard input.
 * @throws DockerError when it is not there, or exits with another status than 0.
 */
export function docker(argv: string[], input = ""): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile("docker", argv, { maxBuffer: 256 << 20 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout.replace(/\n$/, ""));
      if (error.code === ("ENOENT" as unknown)) {
        const message = "docker: not found on this machine; run `npm run setup`";
        return reject(new DockerError(message, "", "", undefined));
      }
      const reason = lastLine(stderr) ?? lastLine(stdout) ?? error.message;
      const status = typeof error.code === "number" ? error.code : undefined;
      reject(new DockerError(`docker ${argv[0]}: ${reason}`, stdout, stderr, status));
    });
    child.stdin?.on("error", () => {}); // it may end without reading all of it
    child.stdin?.end(input);
  });
}

function lastLine(text: string): string | undefined {
  // Docker's closing hint, in its wordings before 28 and since.
  const isHint = (line: string) => /^(See|Run) 'docker /.test(line);
  return text.split("\n").findLast((line) => line.trim() !== "" && !isHint(line));
}
