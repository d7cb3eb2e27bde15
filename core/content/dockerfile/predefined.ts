import { own } from "../../records";
import type { PlanOptions } from "./stages";
import { Variables } from "./variables";

/** What the builder sets before the first ARG. */
const PREDEFINED = [
  ...["BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT"],
  ...["TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT"],
  "TARGETSTAGE",
];

/** Arguments that reach the image, when they are given, without a declaration. */
export function needsNoDeclaration(name: string): boolean {
  return PREDEFINED.includes(name) || /^BUILDKIT_|^SOURCE_DATE_EPOCH$/.test(name);
}

/**
 * The builder's own arguments: as they are given, else known as far as they do not depend on the machine that builds.
 * BuildKit's `defaultArgs` of `dockerfile2llb`.
 */
export function globalVariables({ args, platform }: Pick<PlanOptions, "args" | "platform">): Variables {
  // The builder rewrites others (`linux/arm64/v8` is `linux/arm64`).
  const plain = /^(linux)\/(amd64|arm64)$/.exec(platform ?? "");
  const ofTarget: Record<string, string | undefined> = plain
    ? { TARGETPLATFORM: plain[0], TARGETOS: plain[1], TARGETARCH: plain[2], TARGETVARIANT: "" }
    : {};
  return new Variables(
    false,
    PREDEFINED.map((name) => [name, own(args, name) ?? ofTarget[name]]),
  );
}
