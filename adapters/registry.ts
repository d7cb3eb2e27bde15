import { createHash } from "node:crypto";
import * as v from "valibot";
import { speaksHttp } from "../core/images";
import { excerpt } from "../core/printable";

/** The little of the OCI distribution protocol that is needed to ask a registry which digest a name has. */

const TIMEOUT_MS = 5_000;
/** What a registry must take as a manifest (OCI distribution-spec, "Pushing Manifests"); nothing asked for here is larger. */
const LARGEST_ANSWER = 4 * 1024 * 1024;
const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export interface RegistryAuth {
  username: string;
  password: string;
}

export interface RegistryOptions {
  /** Default: ask as nobody. */
  auth?: RegistryAuth;
  /** Speak http. Default: only with this machine itself. */
  insecure?: boolean;
  /** For each request, in milliseconds. Default: 5000. */
  timeout?: number;
}

export type RegistryProblem = "unreachable" | "refused" | "failing";

/** `<registry>: <what is wrong>; <what to do>`. Never has a password in it, and of what the registry says an excerpt. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly problem: RegistryProblem;

  constructor(problem: RegistryProblem, message: string, cause?: unknown) {
    super(message, { cause });
    this.problem = problem;
  }
}

export interface Reference {
  /** As in the name: `docker.io`, `registry.example.com:5000`. */
  registry: string;
  repository: string;
  /** A tag, or a digest when the name has one. */
  version: string;
}

/** The parts of an image's name, with Docker's defaults (distribution/reference, "familiar names"). */
export function parseReference(name: string): Reference {
  const [untagged, digest] = name.split("@") as [string, string | undefined];
  const slash = untagged.indexOf("/");
  const first = untagged.slice(0, Math.max(0, slash));
  const named = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const registry = named ? first : "docker.io";
  const path = named ? untagged.slice(slash + 1) : untagged;
  const colon = path.lastIndexOf(":");
  const bare = colon > path.lastIndexOf("/") ? path.slice(0, colon) : path;
  const tag = bare === path ? "latest" : path.slice(colon + 1);
  const isHub = registry === "docker.io" || registry === "index.docker.io";
  return {
    registry: isHub ? "docker.io" : registry,
    repository: isHub && !bare.includes("/") ? `library/${bare}` : bare,
    version: digest ?? tag,
  };
}

/** The parts of a name that can be asked for: no registry has another, whose path would lead elsewhere (distribution/reference). */
function askable(name: string): Reference | undefined {
  const reference = parseReference(name);
  const { registry, repository, version } = reference;
  const isAskable =
    URL.canParse(`https://${registry}`) &&
    /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/.test(repository) &&
    /^\w[\w+.:-]*$/.test(version);
  return isAskable ? reference : undefined;
}

/**
 * The digest that the registry gives for an image's name: of the index, where there is one for several
 * platforms.
 *
 * @returns `sha256:` and 64 hex digits; undefined when the registry has no such image, or none that this user may see
 * @throws RegistryError
 */
export async function resolveDigest(
  name: string,
  options: RegistryOptions = {},
): Promise<string | undefined> {
  try {
    return await askDigest(name, options);
  } catch (error) {
    if (!(error instanceof RegistryError && error.problem === "refused" && options.auth)) throw error;
    // Many hide what is not there behind a refusal (Docker Hub and Quay 401, Artifactory 403). Asking for the right to
    // push would tell the two apart, but Quay then makes the repository. A push that is not allowed fails by itself.
    await checkLogin(parseReference(name).registry, options);
    return undefined;
  }
}

async function askDigest(name: string, options: RegistryOptions): Promise<string | undefined> {
  const reference = askable(name);
  if (reference === undefined) return undefined;
  const { registry, repository, version } = reference;
  const session = new Session(registry, options, `repository:${repository}:pull`);
  const path = `/v2/${repository}/manifests/${version}`;
  const head = await session.request("HEAD", path);
  if (head.status === 404) return undefined;
  session.mustBeOk(head);
  const given = head.headers.get("docker-content-digest");
  if (given) return checkedDigest(given, registry);
  // Not every registry names it: it is the digest of what it sends.
  const body = await session.request("GET", path);
  if (body.status === 404) return undefined;
  session.mustBeOk(body);
  return `sha256:${createHash("sha256").update(body.bytes).digest("hex")}`;
}

export interface Layer {
  /** Digest of the unpacked layer, `sha256:` and 64 hex digits. */
  diffId: string;
  /** As it travels, compressed. */
  bytes: number;
}

/**
 * The layers of an image, from the bottom up.
 *
 * @param platform - which one of several, `linux/arm64`; default: this machine's.
 * @returns undefined when the registry has no such image, or does not tell its layers in a way that can be counted on
 * @throws RegistryError
 */
export async function imageLayers(
  name: string,
  platform: string | undefined,
  options: RegistryOptions = {},
): Promise<Layer[] | undefined> {
  const image = await readImage(name, platform, options);
  const diffIds = image?.config.rootfs?.diff_ids ?? [];
  // Manifest and configuration list the same layers (OCI image-spec, config.md, `rootfs`); an artifact has no diff IDs.
  if (diffIds.length !== image?.layers.length) return undefined;
  const layers = v.safeParse(
    Layers,
    image.layers.map(({ size }, i) => ({ diffId: diffIds[i], bytes: size })),
  );
  return layers.success ? layers.output : undefined;
}

const Layers = v.array(
  v.object({
    diffId: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
);

/**
 * The ONBUILD instructions of an image for this machine's platform (Docker image specification v1.2, `OnBuild`).
 *
 * @param digest - of its manifest or its index.
 * @returns undefined when the registry has no such image, or not for this platform
 * @throws RegistryError
 */
export async function onBuildOf(
  name: string,
  digest: string,
  options: RegistryOptions = {},
): Promise<string[] | undefined> {
  const image = await readImage(`${name.replace(/@.*/, "")}@${digest}`, undefined, options);
  return image && (image.config.config?.OnBuild ?? []);
}

/** What a registry tells of an image for one platform. */
async function readImage(name: string, platform: string | undefined, options: RegistryOptions) {
  const reference = askable(name);
  if (reference === undefined) return undefined;
  const { registry, repository, version } = reference;
  const session = new Session(registry, options, `repository:${repository}:pull`);
  const manifest = (version: string) => session.json(`/v2/${repository}/manifests/${version}`, Manifest);
  let found = await manifest(version);
  if (found?.manifests) {
    const one = ofPlatform(
      found.manifests,
      platform ?? `linux/${process.arch === "x64" ? "amd64" : process.arch}`,
    );
    found = one && (await manifest(one.digest));
  }
  if (!found?.config || !found.layers) return undefined;
  const config = await session.json(`/v2/${repository}/blobs/${found.config.digest}`, ImageConfig);
  return config && { layers: found.layers, config };
}

/** It becomes a part of an address (OCI image-spec, descriptor.md, "Digests"). */
const Digest = v.pipe(v.string(), v.regex(/^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/));

/** An entry of an index (OCI image-spec, image-index.md). */
const PlatformManifest = v.object({
  digest: Digest,
  platform: v.nullish(
    v.object({
      os: v.nullish(v.string()),
      architecture: v.nullish(v.string()),
      variant: v.nullish(v.string()),
    }),
  ),
});

/** An image's manifest, or the index of several (OCI image-spec, manifest.md and image-index.md). */
const Manifest = v.object({
  manifests: v.nullish(v.array(PlatformManifest)),
  config: v.nullish(v.object({ digest: Digest })),
  layers: v.nullish(v.array(v.object({ size: v.unknown() }))),
});

const ImageConfig = v.object({
  config: v.nullish(v.object({ OnBuild: v.nullish(v.array(v.string())) })),
  rootfs: v.nullish(v.object({ diff_ids: v.nullish(v.array(v.unknown())) })),
});

/** Docker's "token authentication"; the token becomes a header. */
const Token = v.pipe(v.string(), v.regex(/^[!-~]+$/));
const TokenAnswer = v.object({ token: v.nullish(Token), access_token: v.nullish(Token) });

type PlatformManifest = v.InferOutput<typeof PlatformManifest>;

function ofPlatform(manifests: PlatformManifest[], wanted: string): PlatformManifest | undefined {
  const [os, architecture, variant] = wanted.split("/");
  return manifests.find(
    ({ platform }) =>
      platform?.os === os &&
      platform?.architecture === architecture &&
      (variant === undefined || platform?.variant === variant),
  );
}

/**
 * Whether the registry answers, and takes the credentials if there are any.
 *
 * @throws RegistryError when not
 */
export async function checkLogin(registry: string, options: RegistryOptions = {}): Promise<void> {
  const session = new Session(registry, options, undefined);
  session.mustBeOk(await session.request("GET", "/v2/"));
}

/** What a registry answers, complete. */
interface Answer {
  status: number;
  /** Whether it comes from where it was asked for, and not from where that led. */
  direct: boolean;
  headers: Headers;
  bytes: Buffer;
}

/** Requests to one registry. It says with its first answer what it wants to know about who asks. */
class Session {
  readonly #registry: string;
  readonly #options: RegistryOptions;
  readonly #scope: string | undefined;
  readonly #origin: string;
  #authorization: string | undefined;

  constructor(registry: string, options: RegistryOptions, scope: string | undefined) {
    this.#registry = registry;
    this.#options = options;
    this.#scope = scope;
    const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
    this.#origin = `${speaksHttp(host, options.insecure) ? "http" : "https"}://${host}`;
  }

  async request(method: "GET" | "HEAD", path: string): Promise<Answer> {
    const first = await this.#send(method, this.#origin + path, this.#authorization);
    // Who the registry leads to (a store of blobs) does not say where its credentials go.
    if (first.status !== 401 || !first.direct || this.#authorization !== undefined) return first;
    this.#authorization = await this.#answer(first.headers.get("www-authenticate") ?? "");
    return this.#authorization === undefined
      ? first
      : this.#send(method, this.#origin + path, this.#authorization);
  }

  /** What a GET answers; undefined when there is no such thing. */
  async json<T>(path: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
    const answer = await this.request("GET", path);
    if (answer.status === 404) return undefined;
    this.mustBeOk(answer);
    return this.#parse(answer, schema);
  }

  /** @throws RegistryError for every other answer than a good one */
  mustBeOk({ status }: Answer): void {
    if (status === 200) return;
    if (status === 401 || status === 403) throw this.#refused(status);
    throw new RegistryError(
      "failing",
      `${this.#registry}: answers with status ${status}; look at the registry's own log, or try again later`,
    );
  }

  /** The `Authorization` that a challenge asks for; undefined when there is nothing to answer it with. */
  async #answer(challenge: string): Promise<string | undefined> {
    const basic = this.#options.auth && basicAuthorization(this.#options.auth);
    if (/^basic\b/i.test(challenge)) return basic;
    if (!/^bearer\b/i.test(challenge)) return undefined;
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]]),
    );
    if (!fields.realm || !URL.canParse(fields.realm)) return undefined;
    const url = this.#trusted(new URL(fields.realm));
    if (fields.service) url.searchParams.set("service", fields.service);
    const scope = this.#scope ?? fields.scope;
    if (scope) url.searchParams.set("scope", scope);
    const answer = await this.#send("GET", url.href, basic);
    this.mustBeOk(answer);
    const given = this.#parse(answer, TokenAnswer);
    const token = given.token ?? given.access_token;
    if (!token) throw this.#strange(`gives no token at ${excerpt(url.origin)}`);
    return `Bearer ${token}`;
  }

  /**
   * The address at which a registry wants the credentials. Another host is usual (Docker Hub has one), but whoever speaks
   * https with the registry does not send a password about in the clear; nor off this machine because its own registry,
   * which is spoken to in http, says so.
   *
   * @throws RegistryError
   */
  #trusted(realm: URL): URL {
    const wants = `wants the credentials at \`${excerpt(realm.href)}\``;
    const todo = "let its realm be an https address";
    if (!/^https?:$/.test(realm.protocol) || realm.username !== "" || realm.password !== "")
      throw this.#strange(`${wants}, which is no plain web address`, todo);
    const readable = this.#origin.startsWith("http:") && speaksHttp(realm.host, this.#options.insecure);
    if (realm.protocol === "http:" && !readable)
      throw this.#strange(`${wants}, where everybody could read them`, todo);
    return realm;
  }

  #parse<T>({ bytes }: Answer, schema: v.GenericSchema<unknown, T>): T {
    let answer: unknown;
    try {
      answer = JSON.parse(bytes.toString());
    } catch {}
    const result = v.safeParse(schema, answer);
    if (result.success) return result.output;
    throw this.#strange("answers with something else than a registry does");
  }

  async #send(method: string, url: string, authorization: string | undefined): Promise<Answer> {
    // Not AbortSignal.timeout: neither its timer nor fetch's own socket keeps the process alive until the
    // answer.
    const stop = new AbortController();
    const timeout = this.#options.timeout ?? TIMEOUT_MS;
    let timer: NodeJS.Timeout | undefined;
    // fetch itself may wait for ever: for the end of a body whose compression is damaged (undici).
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DOMException("", "TimeoutError")), timeout);
    });
    try {
      return await Promise.race([this.#exchange(method, url, authorization, stop.signal), late]);
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      throw new RegistryError("unreachable", `${this.#registry}: ${unreachable(url, error)}`, error);
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  async #exchange(
    method: string,
    url: string,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    // A redirection to another origin is followed without the authorization (https://fetch.spec.whatwg.org/#http-redirect-fetch).
    const response = await fetch(url, {
      method,
      headers: { accept: MANIFESTS, ...(authorization !== undefined && { authorization }) },
      signal,
    });
    if (response.redirected && url.startsWith("https:") && !response.url.startsWith("https:"))
      throw this.#strange("leads from https to http, where everybody could change the answer");
    const { status, headers } = response;
    const direct = !response.redirected || new URL(response.url).origin === new URL(url).origin;
    return { status, headers, direct, bytes: await this.#read(response) };
  }

  /** @throws RegistryError for more than anything that is asked for here can be. */
  async #read({ body }: Response): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of body ?? []) {
      size += piece.length;
      if (size > LARGEST_ANSWER) throw this.#strange("answers with more than 4 MiB");
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  #strange(what: string, todo = "look at what answers at this address"): RegistryError {
    return new RegistryError("failing", `${this.#registry}: ${what}; ${todo}`);
  }

  #refused(status: number): RegistryError {
    const what = this.#options.auth
      ? `refuses the user \`${this.#options.auth.username}\` (status ${status}); check the password and what the user may do`
      : `wants a user name and a password (status ${status}); set them in \`registry\``;
    return new RegistryError("refused", `${this.#registry}: ${what}`);
  }
}

function basicAuthorization({ username, password }: RegistryAuth): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function checkedDigest(digest: string, registry: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new RegistryError(
    "failing",
    `${registry}: names \`${excerpt(digest)}\` as a digest; look at what answers at this address`,
  );
}

/** What is wrong, and what to do. */
function unreachable(url: string, error: unknown): string {
  const why = reason(error);
  const origin = URL.canParse(url) ? new URL(url).origin : url;
  // The names of Node's TLS errors: https://nodejs.org/api/tls.html#x509-certificate-error-codes
  if (/SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED/.test(why))
    return `its certificate is not trusted (${why}); let NODE_EXTRA_CA_CERTS name a file with its CA`;
  if (/CERT/.test(why))
    return `its certificate is not valid for ${excerpt(new URL(url).host)} (${why}); renew it, or use the name it was made for`;
  return (
    `cannot be reached at ${excerpt(origin)} (${why}); ` +
    "check the address, and whether it speaks https or http (`insecure`)"
  );
}

function reason(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in time";
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return excerpt(String(cause?.code ?? cause?.message ?? error));
}
