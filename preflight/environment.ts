import { problem, refuse } from "../core/problems";

/**
 * Refuses variables in the environment of `pulumi up` that affect the builder unseen by the content hash.
 *
 * @throws Problems
 */
export function refuseEnvironment(environment: Readonly<Record<string, string | undefined>>): void {
  const problems: string[] = [];
  // Parsed as the provider does. It would then send a different context: by .dockerignore alone, without named contexts.
  if (/^(?:0|f|false)$/i.test(environment.DOCKER_BUILDKIT ?? "")) {
    problems.push(
      problem(
        "DOCKER_BUILDKIT",
        "turns BuildKit off, but builds are identified by BuildKit's rules",
        "unset it",
      ),
    );
  }
  if (environment.EXPERIMENTAL_BUILDKIT_SOURCE_POLICY) {
    problems.push(
      problem(
        "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY",
        "replaces images that Dockerfiles name, which content hashes do not see",
        "unset it, and name those images in the Dockerfiles",
      ),
    );
  }
  refuse(problems);
}
