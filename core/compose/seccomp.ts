import path from "node:path";

/**
 * The local file that an option of `security_opt` names, as written. Compose reads a seccomp profile where it runs (compose,
 * `create.go`, parseSecurityOpts), which is the host, so an absolute path is a path on the host.
 */
export function seccompProfile(option: string): string | undefined {
  const profile = /^seccomp(?:=|:(?!.*=))(.+)$/s.exec(option)?.[1];
  return profile === undefined || /^(unconfined|builtin)$/.test(profile) || path.isAbsolute(profile)
    ? undefined
    : profile;
}

/** The key of a profile among the files of the release. */
export const profileKey = (profile: string) => `seccomp=${profile}`;
