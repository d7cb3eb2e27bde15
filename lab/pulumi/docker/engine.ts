import type Docker from "dockerode";

let client: Docker | undefined;

/** The Docker engine that `DOCKER_HOST` names, by default this machine's. The client is loaded when it is needed: most runs change no image. */
function engine(): Docker {
  client ??= new (require("dockerode") as typeof Docker)();
  return client;
}

export interface LocalImage {
  /** The image ID, a digest of its configuration. */
  Id: string;
  RepoDigests?: string[];
}

/** Looks an image up by name or ID; undefined if the engine does not have it. */
export async function findImage(name: string): Promise<LocalImage | undefined> {
  try {
    return await engine().getImage(name).inspect();
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw new Error(`unable to inspect image ${name}: ${reason(error)}`);
  }
}

export async function tagImage(source: string, target: string): Promise<void> {
  const { repository: repo, tag } = splitName(target);
  const image = engine().getImage(source);
  await image.tag({ repo, tag }).catch((error) => {
    throw new Error(`failed to create docker tag: Error response from daemon: ${reason(error)}`);
  });
}

/** Pushes an image. The login, if any, is sent to the engine in a header and not stored anywhere. */
export async function pushImage(
  name: string,
  { username, password }: { username: string; password: string },
): Promise<void> {
  const { repository, tag } = splitName(name);
  const failed = (error: unknown) => {
    throw new Error(`Error pushing docker image: Error pushing image. . Full error: ${reason(error)}`);
  };
  const docker = engine();
  const image = docker.getImage(repository);
  const stream = await image
    .push({ tag, authconfig: { username, password } as Docker.AuthConfig })
    .catch(failed);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error, events: { error?: string }[]) => {
      const refused = events?.find(({ error }) => error !== undefined)?.error;
      if (error ?? refused) reject(error ?? new Error(refused));
      else resolve();
    });
  }).catch(failed);
}

/** Splits `registry:5000/name:tag`; the tag defaults to `latest`. */
export function splitName(name: string): { repository: string; tag: string } {
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon < 0
    ? { repository: name, tag: "latest" }
    : { repository: name.slice(0, colon), tag: name.slice(colon + 1) };
}

/** The engine's message. */
function reason(error: unknown): string {
  const { json, message } = error as { json?: { message?: string }; message?: string };
  return json?.message ?? message ?? String(error);
}
