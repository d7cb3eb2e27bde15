import { inOneLine } from "../printable";
import type { DeployRequest, Release } from "./types";

/**
 * What can be sent to a host. Names that become part of paths, lines or docker's arguments must follow the rules of their
 * makers (compose, docker); everything else is sent exactly, or refused here.
 */
const RULES = {
  release: [/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and dashes, at most 63"],
  project: [/^[a-z0-9][a-z0-9_-]*$/, "lower-case letters, digits, dashes and underscores"],
  service: [/^[a-zA-Z0-9._-]+$/, "letters, digits, dots, dashes and underscores"],
  image: [/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, "an image reference"],
  digest: [/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits"],
  fingerprint: [/^[0-9a-f]{64}$/, "64 hex digits"],
  layers: [/^([0-9a-f]{12}=\d+( |$))*$/, "layers with their sizes"],
  // The host stores tokens and people's names in lines.
  line: [/^[^\p{Cc}\u2028\u2029]*$/u, "one line without control characters"],
} as const satisfies Record<string, readonly [RegExp, string]>;

type Rule = keyof typeof RULES;

/** Every problem of a request, as `<where>: <what is wrong>; <what to do>`; empty if it can be sent. */
export function requestProblems(request: DeployRequest): string[] {
  const problems: string[] = [];
  const need = (where: string, rule: Rule, value: string) => problems.push(...check(where, rule, value));

  const { release } = request;
  need("projectName", "project", release.project);
  if ("kept" in release) need("release", "release", release.kept);
  else problems.push(...releaseProblems(release));
  need("token", "line", request.token);
  if (request.token === "") problems.push("token: is empty; set it to one line of text");
  need("lineage", "line", request.lineage);
  need("host", "line", request.host);
  need("user name", "line", request.who);
  need("machine name", "line", request.from);
  need("stack", "line", request.stack);
  if (request.remoteDir !== undefined) need("remoteDir", "line", request.remoteDir);
  if (request.registry) need("registry.address", "image", request.registry.address);
  for (const key of ["keepReleases", "lockWait", "healthTimeout", "settle"] as const) {
    if (!Number.isInteger(request[key]) || request[key] < 0 || request[key] > 1e6) {
      problems.push(`${key}: is ${request[key]}; set it to a whole number from 0 to 1000000`);
    }
  }
  if (request.keepReleases < 1) {
    problems.push("keepReleases: is less than 1; set it to 1 or more, as the current release always stays");
  }
  return problems.map(inOneLine);
}

function releaseProblems(release: Release): string[] {
  const problems: string[] = [];
  const need = (where: string, rule: Rule, value: string) => problems.push(...check(where, rule, value));
  need("release", "release", release.id);
  need("tag", "line", release.tag);
  for (const service of release.services) {
    const where = `service ${JSON.stringify(service.name)}`;
    need(where, "service", service.name);
    need(`${where}, image`, "image", service.image);
    if (service.digest !== undefined) need(`${where}, digest`, "digest", service.digest);
    if (service.layers !== undefined) need(`${where}, layers`, "layers", service.layers);
    if (service.content !== undefined) need(`${where}, content`, "fingerprint", service.content);
    if ((service.digest === undefined) !== (service.content === undefined)) {
      problems.push(
        `${where}: has a digest without a content hash, or the other way round; this is a bug in everfresh`,
      );
    }
    for (const fingerprint of service.files) need(`${where}, file`, "fingerprint", fingerprint);
    for (const check of service.verify) {
      const text = JSON.stringify(check);
      if (text.includes("\\u0000")) problems.push(`${where}, verify: contains a NUL character; remove it`);
      if (check.kind === "http" && !/^\/[!-~]*$/.test(check.path)) {
        problems.push(
          `${where}, verify: path ${JSON.stringify(check.path)} is not a URL path; start it with / and percent-encode it`,
        );
      }
    }
  }
  for (const { path, users } of release.hostPaths ?? []) {
    const parts = path.split("/");
    if (
      parts[0] !== "mounts" ||
      parts.length < 2 ||
      parts.some((part) => /^\.{0,2}$|[\p{Cc}|]/u.test(part))
    ) {
      problems.push(
        `mount ${JSON.stringify(path)}: is not a possible path on a host; this is a bug in everfresh`,
      );
    }
    for (const { service, target } of users) need(`service ${service}, mount`, "line", target);
  }
  for (const file of release.files) {
    need(`file ${JSON.stringify(file.path)}`, "fingerprint", file.fingerprint);
    for (const entry of file.entries) {
      const parts = entry.path.split("/");
      if (entry.path.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..")) {
        problems.push(`file ${JSON.stringify(entry.path)}: cannot be sent under this name; rename it`);
      }
    }
  }
  return problems;
}

function check(where: string, rule: Rule, value: string): string[] {
  const [pattern, wanted] = RULES[rule];
  return pattern.test(value)
    ? []
    : [`${where}: ${JSON.stringify(value)} cannot be sent to a host; it must be ${wanted}`];
}
