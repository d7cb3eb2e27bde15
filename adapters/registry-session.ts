import * as v from "valibot";
import { speaksHttp } from "../core/images";
import { excerpt } from "../core/printable";
import type { RegistryLogin } from "./docker-login";
import { RegistryError, strangeAnswer, unreachable } from "./registry-error";
import { repeated } from "./repeated";

const TIMEOUT_MS = 5_000;
/** The largest manifest that registries must accept (OCI distribution-spec, "Pushing Manifests"). Bytes. */
const LARGEST_ANSWER = 4 * 1024 * 1024;
export const MANIFESTS = [
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
  /** The configured login. Default: {@link login}. */
  auth?: RegistryAuth;
  /** Looks up a login when the registry demands one. Default: ask anonymously. */
  login?: () => Promise<RegistryLogin | undefined>;
  /** Use http. Default: only for this machine itself. */
  insecure?: boolean;
  /** For each request, in milliseconds. Default: 5000. */
  timeout?: number;
  /** Starts the registry before it is asked, if it does not run all the time. */
  start?: () => Promise<void>;
}

/** A token of Docker's "token authentication", restricted to what a header can hold. */
const Token = v.pipe(v.string(), v.regex(/^[!-~]+$/));
const TokenAnswer = v.object({ token: v.nullish(Token), access_token: v.nullish(Token) });

/** A registry's complete answer. */
interface Answer {
  status: number;
  /** Whether it comes from the origin that was asked, not from a redirection. */
  direct: boolean;
  headers: Headers;
  bytes: Buffer;
}

/** Requests to one registry. If it requires authentication, its first answer says so. */
export class RegistrySession {
  readonly #registry: string;
  readonly #options: RegistryOptions;
  readonly #scope: string | undefined;
  readonly #origin: string;
  #authorization: string | undefined;
  /** The login that was looked up, and what was wrong with it. */
  #login: RegistryLogin | undefined;
  #problem: unknown;

  /** @param scope - what a token is asked for; default: what the registry's challenge names. */
  constructor(registry: string, options: RegistryOptions, scope: string | undefined) {
    this.#registry = registry;
    this.#options = options;
    this.#scope = scope;
    const host = registry === "docker.io" ? "registry-1.docker.io" : registry;
    this.#origin = `${speaksHttp(host, options.insecure) ? "http" : "https"}://${host}`;
  }

  /** @throws RegistryError if there is no answer, or none that can be trusted. */
  async request(method: "GET" | "HEAD", path: string): Promise<Answer> {
    const first = await this.#send(method, this.#origin + path, this.#authorization);
    // The target of a redirection, such as a blob store, must not decide where the registry's credentials go.
    if (first.status !== 401 || !first.direct || this.#authorization !== undefined) return first;
    this.#authorization = await this.#authorize(first.headers.get("www-authenticate") ?? "");
    return this.#authorization === undefined
      ? first
      : this.#send(method, this.#origin + path, this.#authorization);
  }

  /** The answer to a GET; undefined if it is 404. */
  async json<T>(path: string, schema: v.GenericSchema<unknown, T>): Promise<T | undefined> {
    const answer = await this.request("GET", path);
    if (answer.status === 404) return undefined;
    this.mustBeOk(answer);
    return this.#parse(answer, schema);
  }

  /** @throws RegistryError for any status but 200, or what was wrong with the login if the registry demands one. */
  mustBeOk({ status }: Answer): void {
    if (status === 200) return;
    if (status === 401 || status === 403) throw this.#refused(status);
    throw new RegistryError(
      "failing",
      `${this.#registry}: answers with status ${status}; look at the registry's own log, or try again later`,
    );
  }

  /** Whether the registry demands a login, as docker finds out before it uses one. */
  async isClosed(): Promise<boolean> {
    return (await this.#send("GET", `${this.#origin}/v2/`, undefined)).status === 401;
  }

  /** The `Authorization` that answers a challenge; undefined if there is none. */
  async #authorize(challenge: string): Promise<string | undefined> {
    const isBasic = /^basic\b/i.test(challenge);
    if (!isBasic && !/^bearer\b/i.test(challenge)) return undefined;
    const fields = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1], match[2]]),
    );
    if (!isBasic && !(fields.realm && URL.canParse(fields.realm))) return undefined;
    const realm = isBasic ? undefined : this.#trustedRealm(new URL(fields.realm!));
    const { auth, login } = this.#options;
    this.#login =
      auth ??
      (await login?.().catch((problem) => {
        this.#problem = problem;
        return undefined;
      }));
    // Only questions about an image can do without one.
    const isLogin = this.#scope === undefined;
    if (isLogin && this.#problem !== undefined) throw this.#problem;
    const basic = basicAuthorization(this.#login);
    if (realm === undefined) return basic;
    const scope = this.#scope ?? fields.scope;
    const wanted = { ...(fields.service && { service: fields.service }), ...(scope && { scope }) };
    let answer = await this.#requestToken(realm, wanted, this.#login);
    // A login that docker has may have expired, which does not matter for a public image.
    const isExpired = [401, 403].includes(answer.status) && this.#login !== undefined && auth === undefined;
    if (isExpired && !isLogin) answer = await this.#requestToken(realm, wanted, undefined);
    this.mustBeOk(answer);
    const given = this.#parse(answer, TokenAnswer);
    const token = given.token ?? given.access_token;
    if (!token) throw strangeAnswer(this.#registry, `gives no token at ${excerpt(realm.origin)}`);
    return `Bearer ${token}`;
  }

  /** Asks for a token (https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/). */
  #requestToken(
    realm: URL,
    wanted: Record<string, string>,
    login: RegistryLogin | undefined,
  ): Promise<Answer> {
    if (login !== undefined && "identityToken" in login) {
      const form = { grant_type: "refresh_token", client_id: "everfresh", ...wanted };
      return this.#send("POST", realm.href, undefined, {
        ...form,
        refresh_token: login.identityToken,
      });
    }
    const url = new URL(realm);
    for (const [name, value] of Object.entries(wanted)) url.searchParams.set(name, value);
    return this.#send("GET", url.href, basicAuthorization(login));
  }

  /**
   * The address at which a registry wants the credentials. Another host is usual (Docker Hub has one), but a password for an
   * https registry is never sent in the clear. A local registry, which is spoken to in http, cannot have a password sent to
   * another machine in the clear either.
   *
   * @throws RegistryError
   */
  #trustedRealm(realm: URL): URL {
    const wants = `wants the credentials at \`${excerpt(realm.href)}\``;
    const todo = "make its realm an https address";
    if (!/^https?:$/.test(realm.protocol) || realm.username !== "" || realm.password !== "")
      throw strangeAnswer(this.#registry, `${wants}, which is not a plain web address`, todo);
    const mayBeHttp = this.#origin.startsWith("http:") && speaksHttp(realm.host, this.#options.insecure);
    if (realm.protocol === "http:" && !mayBeHttp)
      throw strangeAnswer(this.#registry, `${wants}, where anybody could read them`, todo);
    return realm;
  }

  #parse<T>({ bytes }: Answer, schema: v.GenericSchema<unknown, T>): T {
    let answer: unknown;
    try {
      answer = JSON.parse(bytes.toString());
    } catch {}
    const result = v.safeParse(schema, answer);
    if (result.success) return result.output;
    throw strangeAnswer(this.#registry, "does not answer as a registry does");
  }

  async #send(
    method: string,
    url: string,
    authorization: string | undefined,
    form?: Record<string, string>,
  ): Promise<Answer> {
    await this.#options.start?.();
    const once = () => this.#sendOnce(method, url, authorization, form);
    return repeated(once, ({ status }) => status >= 500);
  }

  async #sendOnce(
    method: string,
    url: string,
    authorization: string | undefined,
    form: Record<string, string> | undefined,
  ): Promise<Answer> {
    // AbortSignal.timeout would not do: neither its timer nor fetch's socket keeps the process alive until the answer.
    const stop = new AbortController();
    const timeout = this.#options.timeout ?? TIMEOUT_MS;
    let timer: NodeJS.Timeout | undefined;
    // fetch itself may wait forever for the end of a body with damaged compression (undici).
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new DOMException("", "TimeoutError")), timeout);
    });
    try {
      return await Promise.race([this.#exchange(method, url, authorization, form, stop.signal), late]);
    } catch (error) {
      if (error instanceof RegistryError) throw error;
      throw unreachable(this.#registry, url, error);
    } finally {
      clearTimeout(timer);
      stop.abort();
    }
  }

  async #exchange(
    method: string,
    url: string,
    authorization: string | undefined,
    form: Record<string, string> | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    // A redirection to another origin is followed without the authorization (https://fetch.spec.whatwg.org/#http-redirect-fetch).
    const response = await fetch(url, {
      method,
      headers: { accept: MANIFESTS, ...(authorization !== undefined && { authorization }) },
      // A form would be sent to the target of a redirection, too.
      ...(form && { body: new URLSearchParams(form), redirect: "manual" as const }),
      signal,
    });
    if (response.redirected && url.startsWith("https:") && !response.url.startsWith("https:"))
      throw strangeAnswer(
        this.#registry,
        "redirects from https to http, where anybody could change the answer",
      );
    const { status, headers } = response;
    const direct = !response.redirected || new URL(response.url).origin === new URL(url).origin;
    return { status, headers, direct, bytes: await this.#readBody(response) };
  }

  /** @throws RegistryError for more bytes than any expected answer has. */
  async #readBody({ body }: Response): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of body ?? []) {
      size += piece.length;
      if (size > LARGEST_ANSWER) throw strangeAnswer(this.#registry, "answers with more than 4 MiB");
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  #refused(status: number): unknown {
    if (this.#problem !== undefined) return this.#problem;
    return new RegistryError("refused", `${this.#registry}: ${this.#refusal(status)}`);
  }

  #refusal(status: number): string {
    const { auth } = this.#options;
    if (auth)
      return `refuses the user \`${auth.username}\` (status ${status}); check the password and what the user may do`;
    const remedy = `run \`docker login ${this.#registry}\`, or set a user name and a password in \`registry\``;
    if (this.#login === undefined) return `requires a login (status ${status}); ${remedy}`;
    const user = "username" in this.#login ? ` of \`${excerpt(this.#login.username)}\`` : "";
    return `refuses docker's login${user} (status ${status}); ${remedy}`;
  }
}

function basicAuthorization(login: RegistryLogin | undefined): string | undefined {
  if (login === undefined || "identityToken" in login) return undefined;
  return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
}
