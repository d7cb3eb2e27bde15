import path from "node:path";
import { readCompose } from "../../adapters/compose";
import { readProject } from "../../core/compose/read-project";
import { secretArguments } from "../../core/compose/secret-args";
import { surveyContexts } from "../../core/content";
import { Problems, problem } from "../../core/problems";
import { own } from "../../core/records";
import { whyNew } from "../../preflight/why-new";
import { renderExplanation } from "../explain";
import { outputs, selectedStack } from "../pulumi/commands";
import { type ExitStatus, exit } from "../pulumi/outcome";
import { ask } from "../pulumi/run";
import type { Session } from "../session";
import { readSource, stackFile } from "../stack-file";
import { paintFor, print, printJson, waitingFor } from "../terminal";
import { identifyServices, type WorkingTreeSource } from "../working-tree";

export interface ExplainOptions {
  file?: string[];
  envFile?: string;
}

/** What the content hash of a service is made of. Needs neither a Docker engine nor Pulumi. */
export async function explain(
  session: Session,
  service: string,
  options: ExplainOptions,
): Promise<ExitStatus> {
  const source = await sourceOf(session, options);
  const text = await waitingFor("reading the compose file", readCompose(source));
  const { services } = readProject(text);
  const build = services.find(({ name }) => name === service)?.build;
  if (!build) {
    const built = services.flatMap(({ name, build }) => (build ? [name] : []));
    throw new Problems([
      problem(
        `services.${service}`,
        services.some(({ name }) => name === service)
          ? "has no `build:`, so it has no content hash"
          : "is not in the compose file",
        `choose one of: ${built.join(", ") || "(no service is built)"}`,
      ),
    ]);
  }
  const identity = (await identifyServices(source, { only: service, text }))[service]!;
  for (const warning of secretArguments(service, build.args)) process.stderr.write(`warning: ${warning}\n`);
  if (session.json) {
    printJson({ service, ...identity });
    return exit.done;
  }
  const contexts = surveyContexts(build, identity);
  const since = await sinceLastBuild(session, service, identity);
  print(renderExplanation({ service, identity, contexts, since }, paintFor(process.stdout, process.env)));
  return exit.done;
}

/** `--file`, else the stack's configuration, else `compose.yaml` in the folder that the command was called in. */
async function sourceOf(session: Session, { file, envFile }: ExplainOptions): Promise<WorkingTreeSource> {
  const env = envFile === undefined ? {} : { envFile: path.resolve(session.from, envFile) };
  if (file) return { composeFiles: file.map((each) => path.resolve(session.from, each)), ...env };
  const known = stackFile(session) ?? (await selected());
  if (known !== undefined) return { ...readSource(known), ...env };
  return { composeFiles: [path.join(session.from, "compose.yaml")], ...env };
}

/** If there are several stacks, only Pulumi, if installed, knows which one is selected. */
async function selected(): Promise<string | undefined> {
  const name = await ask(selectedStack()).catch(() => undefined);
  return name === undefined ? undefined : stackFile({ stack: name.trim() });
}

async function sinceLastBuild(
  session: Session,
  service: string,
  identity: Awaited<ReturnType<typeof identifyServices>>[string],
): Promise<string> {
  let deployed: { images?: Record<string, { content: string }> };
  try {
    deployed = JSON.parse(await ask(outputs(session)));
  } catch {
    return "not known (no stack can be read)";
  }
  const before = own(deployed.images, service)?.content;
  return before === identity.content ? "nothing" : whyNew(before, identity);
}
