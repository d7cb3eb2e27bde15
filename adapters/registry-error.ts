import { excerpt } from "../core/printable";

type RegistryProblem = "unreachable" | "refused" | "failing";

/** `<registry>: <what is wrong>; <what to do>`. Contains no password, and only an excerpt of the registry's answer. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly problem: RegistryProblem;

  constructor(problem: RegistryProblem, message: string, cause?: unknown) {
    super(message, { cause });
    this.problem = problem;
  }
}

/** The error for an answer that no registry should give. */
export const strangeAnswer = (
  registry: string,
  what: string,
  todo = "check what answers at this address",
): RegistryError => new RegistryError("failing", `${registry}: ${what}; ${todo}`);

/**
 * The error for a request without an answer.
 *
 * @param error - what `fetch` threw.
 */
export const unreachable = (registry: string, url: string, error: unknown): RegistryError =>
  new RegistryError("unreachable", `${registry}: ${connectionProblem(url, error)}`, error);

function connectionProblem(url: string, error: unknown): string {
  const why = causeOf(error);
  const origin = URL.canParse(url) ? new URL(url).origin : url;
  // The names of Node's TLS errors: https://nodejs.org/api/tls.html#x509-certificate-error-codes
  if (/SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)|CERT_UNTRUSTED/.test(why))
    return `its certificate is not trusted (${why}); set NODE_EXTRA_CA_CERTS to a file with its CA`;
  if (/CERT/.test(why))
    return `its certificate is not valid for ${excerpt(new URL(url).host)} (${why}); renew it, or use the name it was made for`;
  return (
    `cannot be reached at ${excerpt(origin)} (${why}); ` +
    "check the address, and whether it speaks https or http (`insecure`)"
  );
}

function causeOf(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return "no answer in time";
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return excerpt(String(cause?.code ?? cause?.message ?? error));
}
