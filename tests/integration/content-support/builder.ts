import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { BuildSpec } from "../../../core/content";

const run = promisify(execFile);
const SOCKET = process.env.DOCKER_HOST?.replace(/^unix:\/\//, "") ?? "/var/run/docker.sock";
/** Marks the images of this run, so that it removes no others. */
const LABEL = `dev.everfresh.differential=${process.pid}.${Date.now()}`;

/** @throws if there is no builder to compare with */
export async function requireBuilder(): Promise<void> {
  try {
    await run("docker", ["buildx", "version"]);
    await get("/_ping");
  } catch {
    throw new Error(
      "Docker engine: cannot be reached, or has no buildx; start it, these tests compare with the real builder",
    );
  }
}

/** @returns the image's ID, or the builder's error */
export async function build(spec: BuildSpec): Promise<{ id: string } | { error: string }> {
  const scratch = mkdtempSync(join(tmpdir(), "iid-"));
  const iid = join(scratch, "id");
  try {
    await run("docker", [
      ...[
        "buildx",
        "build",
        "--builder",
        "default",
        "--progress",
        "plain",
        "--iidfile",
        iid,
        "--label",
        LABEL,
      ],
      ...Object.entries(spec.args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
      ...Object.entries(spec.labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
      ...(spec.target !== undefined ? ["--target", spec.target] : []),
      ...(spec.dockerfile !== undefined ? ["--file", spec.dockerfile] : []),
      spec.context,
    ]);
    return { id: readFileSync(iid, "utf8").trim() };
  } catch (error) {
    return { error: String((error as { stderr?: string }).stderr ?? error) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Everything about an image but its times: layers, configuration, history. */
export async function describeImage(id: string): Promise<string> {
  const image = JSON.parse(await get(`/images/${id}/json`));
  const history = JSON.parse(await get(`/images/${id}/history`)) as Record<string, unknown>[];
  return JSON.stringify([
    image.RootFS,
    image.Config,
    image.Os,
    image.Architecture,
    history.map(({ CreatedBy, Comment, Size }) => [CreatedBy, Comment, Size]),
  ]);
}

export async function removeImages(): Promise<void> {
  await run("docker", ["image", "prune", "--force", "--filter", `label=${LABEL}`]);
}

function get(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: SOCKET, path }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => (body += chunk));
      response.on("end", () => (response.statusCode === 200 ? resolve(body) : reject(new Error(body))));
    });
    call.on("error", reject).end();
  });
}
