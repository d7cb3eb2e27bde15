import Docker from "dockerode";

/** This machine's Docker engine, which `DOCKER_HOST` may name, as the official plugin has it. */
const engine = new Docker();

export interface LocalImage {
  /** Digest of its configuration. */
  Id: string;
  RepoDigests?: string[];
}

/** What the engine knows of an image, by name or id; undefined for none. */
export async function findImage(name: string): Promise<LocalImage | undefined> {
  try {
    return await engine.getImage(name).inspect();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw new Error(`unable to inspect image ${name}: ${reason(error)}`);
  }
}

export async function tagImage(source: string, target: string): Promise<void> {
  const { repository: repo, tag } = splitName(target);
  await engine
    .getImage(source)
    .tag({ repo, tag })
    .catch((error) => {
      throw new Error(`failed to create docker tag: Error response from daemon: ${reason(error)}`);
    });
}

/** Pushes an image under its name. The credentials go to the engine in a header, and nowhere else. */
export async function pushImage(name: string, auth: { username: string; password: string }): Promise<void> {
  const { repository, tag } = splitName(name);
  const failed = (error: unknown) => {
    throw new Error(`Error pushing docker image: Error pushing image. . Full error: ${reason(error)}`);
  };
  const stream = await engine
    .getImage(repository)
    .push({ tag, authconfig: auth as Docker.AuthConfig })
    .catch(failed);
  await new Promise<void>((resolve, reject) => {
    engine.modem.followProgress(stream, (error, events: { error?: string }[]) => {
      const refused = events?.find(({ error }) => error !== undefined)?.error;
      if (error ?? refused) reject(error ?? new Error(refused));
      else resolve();
    });
  }).catch(failed);
}

/** `registry:5000/name:tag` in two. */
export function splitName(name: string): { repository: string; tag: string } {
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon < 0
    ? { repository: name, tag: "latest" }
    : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

/** The engine's own words. */
function reason(error: unknown): string {
  const { json, message } = error as { json?: { message?: string }; message?: string };
  return json?.message ?? message ?? String(error);
}
