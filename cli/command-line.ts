import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { inOneLine } from "../core/printable";
import { problem } from "../core/problems";
import { completion, type Shell, shells } from "./completion";
import type { DeployOptions } from "./deploy-options";
import { type ExitStatus, exit } from "./pulumi/outcome";
import type { Session, SharedOptions } from "./session";
import { print } from "./terminal";
import { clearCache } from "./verbs/clear-cache";
import { buildOnly, deploy, preview } from "./verbs/deploy";
import { doctor } from "./verbs/doctor";
import { type ExplainOptions, explain } from "./verbs/explain";
import { explainRunning } from "./verbs/explain-running";
import { history } from "./verbs/history";
import { defaultStack, type InitOptions, init } from "./verbs/init";
import { followLogs, logs } from "./verbs/logs";
import { redeploy } from "./verbs/redeploy";
import { clearRollback, rollback } from "./verbs/rollback";
import { status } from "./verbs/status";
import { unlock } from "./verbs/unlock";
import { verify } from "./verbs/verify";
import type { VerifyOptions } from "./verify";

/** Runs one verb with the options given on the command line. */
export type Run = (options: SharedOptions, verb: (session: Session) => Promise<ExitStatus>) => Promise<void>;

const exitStatuses = `
Exit status:
  0  done, or nothing to do
  1  the deployment failed or was declined, and the old release serves; or it was stopped: \`everfresh status\`
     shows what serves; status: something is not healthy
  2  usage, configuration, or a host that cannot be reached: found before anything was changed
  3  somebody else is deploying
  4  the deployment failed and could not be put back: a person is needed`;

/** All verbs with their options. Nothing runs until a command line is parsed. */
export function commandLine(run: Run): Command {
  const program = new Command("everfresh")
    .description(
      "Deploys a Docker Compose project so that a stale container is impossible.\nEverything here can be done with plain pulumi too: see docs/cli.md.",
    )
    .version((require("../package.json") as { version: string }).version)
    .helpCommand(false)
    .addHelpText("after", exitStatuses);

  verb("deploy", "build what changed, deploy it and prove it (pulumi up)")
    .option(...json("print what was deployed as JSON"))
    .option(...yes)
    .option(
      "--no-cache",
      "build everything again: without the builder's cache, and no image from the registry",
    )
    .option("--pull", "count what the tags of base images point to now; stays on for the stack (pullBase)")
    .option("--force-recreate", "recreate every container although nothing changed")
    .option("--unique-tag", "append a UTC timestamp to the tag")
    .option("--dry-run", "change nothing, only show what would be done (pulumi preview)")
    .argument("[tag]", "readable tag for what is built now; default: the commit's")
    .argument("[pulumi-options...]", "after `--`: passed on to pulumi up")
    .usage("[options] [tag] [-- pulumi-options...]")
    .action((_tag, _more, options: DeployOptions & SharedOptions, command: Command) => {
      const [[tag, ...excess], more] = aroundDashes(command);
      if (excess.length > 0) command.error("error: only one tag can be given");
      const given = { ...options, ...(tag === undefined ? {} : { tag }), more };
      return run(given, (session) => deploy(session, given));
    });

  verb("preview", "show what deploy would do, and what has drifted (pulumi preview)")
    .option(...json("print the plan as JSON"))
    .argument("[pulumi-options...]", "after `--`: passed on to pulumi preview")
    .action((more: string[], options) => run(options, (session) => preview(session, more)));

  verb("status", "is everything healthy, is it what the working tree would build, who deployed it and when?")
    .option(...json("print the answer as JSON"))
    .option("--expect-current", "also exit with 1 if the working tree would build other images")
    .action((options) => run(options, (session) => status(session, options)));

  verb("verify", "do the running containers have this text? or, without one: do the release's checks pass?")
    .argument("[service]", "only this service; with a text, each of its containers must have it")
    .option("--contains <text>", "the text to look for, as it is: no pattern")
    .option("--in <path>", "a file, or a folder with all that is below it; absolute, in the container")
    .option(...json("print the answer as JSON"))
    .action((service: string | undefined, options: VerifyOptions & SharedOptions) =>
      run(options, (session) => verify(session, service, options)),
    );

  verb("history", "every deployment the hosts remember, failed ones too, newest first")
    .option(...json("print it as JSON"))
    .option("-n, --limit <count>", "how many per host", count, 20)
    .action((options) => run(options, (session) => history(session, options)));

  verb("logs", "the last lines of the containers' logs")
    .argument("[service]", "only this service")
    .option("-n, --tail <lines>", "how many per container", count, 100)
    .option("-f, --follow", "go on with what is written from now on, until Ctrl-C")
    .action((service: string | undefined, options) =>
      run(options, (session) => (options.follow ? followLogs : logs)(session, service, options)),
    );

  verb("explain", "what a service's content hash is made of, and what changed; or why what runs is old")
    .argument("<service>", "a service with a `build:` section; with --running, any service")
    .addOption(
      new Option(
        "--running",
        "what its containers run: which image, what was changed in them, what is mounted over it",
      ).conflicts(["file", "envFile"]),
    )
    .option(...json("print it as JSON; without --running, needs neither Pulumi nor a Docker engine"))
    .option("-f, --file <compose-file...>", "the compose files; default: the stack's, else compose.yaml")
    .option("--env-file <file>", "the env file for interpolation; default: the stack's, else .env.deploy")
    .action((service: string, options: ExplainOptions & { running?: boolean } & SharedOptions) =>
      run(options, (session) =>
        options.running ? explainRunning(session, service) : explain(session, service, options),
      ),
    );

  verb("rollback", "pin the stack to an earlier release and deploy that, without a build")
    .argument("[release]", "default: the one before the current one")
    .option("--clear", "unpin the stack: deploy the working tree again")
    .option(...json("print what was deployed as JSON"))
    .option(...yes)
    .action((release: string | undefined, options, command: Command) => {
      if (options.clear && release !== undefined) {
        command.error("error: --clear goes back to the working tree, not to a release");
      }
      return run(options, (session) => (options.clear ? clearRollback(session) : rollback(session, release)));
    });

  verb("redeploy", "recreate every container although nothing changed")
    .option(...json("print what was deployed as JSON"))
    .option(...yes)
    .action((options) => run(options, redeploy));

  verb("build-only", "build and push the images; leave the hosts alone")
    .option(...json("print the images as JSON"))
    .option(...yes)
    .action((options) => run(options, buildOnly));

  verb("clear-cache", "make the next deploy build everything without any cache").action((options) =>
    run(options, clearCache),
  );

  verb("unlock", "end the deployment that holds a host's lock")
    .option("-y, --yes", "do it without asking")
    .option("--wait <seconds>", "how long it has to put back what ran before it is killed", count, 60)
    .action((options) => run(options, (session) => unlock(session, options)));

  verb("doctor", "check this machine, the configuration, the registry and every host")
    .option(...json("print the findings as JSON"))
    .action((options) => run(options, doctor));

  verb("init", "create a stack: ask for what it needs, and show the host's key", defaultStack)
    .option("-f, --file <compose-file>", "the compose file")
    .option("--host <address>", "name or address of the production host")
    .option("--port <port>", "the port of its sshd; default: 22")
    .option("--user <name>", "the user to log in as")
    .option(
      "--host-key <line>",
      "`ssh-ed25519 AAAA…`; default: the one that the host shows, which you must confirm",
    )
    .option("--accept-host-key", "trust the key that the host shows")
    .option("--private-key <file>", "the private key; default: the SSH agent")
    .option(
      "--registry <address>",
      "where images are pushed, such as registry.example.com/team; default: none is needed, images go through SSH",
    )
    .option("--pull-address <address>", "the registry's address as the host reaches it, if different")
    .option("--insecure-registry", "the registry speaks plain HTTP")
    .option(
      "--registry-username <name>",
      "the registry's user, whose password is in EVERFRESH_REGISTRY_PASSWORD; else you are asked for it",
    )
    .action((options: InitOptions & SharedOptions) => run(options, (session) => init(session, options)));

  verb("completion", "print a script with which a shell completes verbs and options")
    .addArgument(new Argument("<shell>", "the shell that reads it").choices(shells))
    .action((shell: Shell, options) =>
      run(options, async () => {
        print(completion(program, shell).trimEnd());
        return exit.done;
      }),
    );

  return program;

  function verb(name: string, description: string, stack = "the selected one"): Command {
    const command = program
      .command(name)
      .description(description)
      .option("-s, --stack <name>", `the stack; default: ${stack}`)
      .option("--config-file <file>", "the stack's configuration; default: Pulumi.<stack>.yaml")
      .option("--non-interactive", "never ask anything");
    return command.exitOverride().configureOutput({
      outputError: (text, write) => write(`${inOurForm(text, name)}\n`),
    });
  }
}

/** A verb's words before and after the first `--`, which commander does not keep apart. */
function aroundDashes(command: Command): [own: string[], passedOn: string[]] {
  const { rawArgs } = command.parent as Command & { rawArgs: string[] };
  const dashes = rawArgs.indexOf("--");
  const passedOn = dashes < 0 ? [] : rawArgs.slice(dashes + 1);
  const own = command.args.slice(0, Math.max(0, command.args.length - passedOn.length));
  if ([...own, ...passedOn].join("\0") === command.args.join("\0")) return [own, passedOn];
  command.error("error: `--` cannot be the value of an option");
}

const json = (description: string) => ["-j, --json", description] as const;
const yes = ["-y, --yes", "do it without a preview and without asking"] as const;

/** Rewrites commander's `error: …`, and its suggestion if there is one, in the form of all other messages. */
export function inOurForm(text: string, verb?: string): string {
  const [what = "", hint] = text
    .trim()
    .replace(/^error: /, "")
    .split("\n");
  const help = verb ? `everfresh ${verb} --help` : "everfresh --help";
  return inOneLine(
    problem(verb ?? "everfresh", what.replace(/\.$/, "") + (hint ? ` ${hint}` : ""), `see \`${help}\``),
  );
}

function count(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}
