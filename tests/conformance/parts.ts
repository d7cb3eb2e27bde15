import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { dependencies } from "../../package.json";
import { lab } from "../support/lab";
import { type Case, normalised } from "./case";
import { commandCases } from "./cases/command";
import { dockerCases } from "./cases/docker";
import { languageHostCases } from "./cases/language-host";
import { randomCases } from "./cases/random";
import { LanguageHost } from "./language-host";
import { ProviderPlugin } from "./provider";

/** A part of Pulumi that has a stand-in, and the questions for it. */
export interface Part {
  name: string;
  /** The stand-in, by its name in `lab/pulumi/bin`. */
  executable: string;
  /** The path of the official one in a PULUMI_HOME. */
  official: string;
  cases: { name: string; sideBySide?: true; answer(executable: string): Promise<unknown> }[];
}

export const parts: Part[] = [
  {
    name: "the language host",
    executable: "pulumi-language-nodejs",
    official: "bin/pulumi-language-nodejs",
    cases: languageHostCases.map((it) => ({ ...it, answer: asking(it, LanguageHost.start) })),
  },
  plugin("random", randomCases),
  plugin("command", commandCases),
  plugin("docker", dockerCases),
];

function plugin(name: "random" | "command" | "docker", cases: Case<ProviderPlugin>[]): Part {
  const executable = `pulumi-resource-${name}`;
  return {
    name: `the ${name} plugin`,
    executable,
    official: `plugins/resource-${name}-v${dependencies[`@pulumi/${name}`]}/${executable}`,
    cases: cases.map((it) => ({ ...it, answer: asking(it, ProviderPlugin.start) })),
  };
}

/** Starts a plugin in its own folder, asks it, and returns the normalised answer. */
function asking<P extends AsyncDisposable>(
  { ask }: Case<P>,
  start: (executable: string, folder: string) => Promise<P>,
): (executable: string) => Promise<unknown> {
  return async (executable) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-conformance-"));
    try {
      const world = { lab: await lab(), folder };
      await using it = await start(executable, folder);
      return normalised(await ask(it, world), world);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

export const standIn = ({ executable }: Part): string =>
  path.join(__dirname, "../../lab/pulumi/bin", executable);

/** The file with the answers of the official part, by the names of the cases. */
export const answersOf = ({ executable }: Part): string =>
  path.join(__dirname, "answers", `${executable.split("-").at(-1)}.json`);
