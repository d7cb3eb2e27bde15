import { CommanderError } from "commander";
import { Problems } from "../core/problems";
import { commandLine, inOurForm } from "./command-line";
import { project } from "./project";
import { type ExitStatus, exit } from "./pulumi/outcome";
import { openSession } from "./session";
import { carryOnUnread } from "./terminal";

/** Runs the command line; sets the process's exit status. */
export async function main(argv: readonly string[]): Promise<void> {
  carryOnUnread();
  const from = process.cwd();
  // The stack's configuration and the caches are in the checkout, wherever the command was called.
  process.chdir(project);
  const hasTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;

  let status: ExitStatus = exit.done;
  const program = commandLine(async (options, verb) => {
    status = await verb(openSession(options, from, hasTerminal));
  });
  program.exitOverride().configureOutput({ outputError: (text, write) => write(`${inOurForm(text)}\n`) });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    status = report(error);
  }
  process.exitCode = status;
}

/** Reports an error, with a stack trace only if it is a bug in everfresh. */
function report(error: unknown): ExitStatus {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exit.done : exit.refused;
  if (error instanceof Problems) {
    process.stderr.write(`${error.message}\n`);
    return exit.refused;
  }
  const trace = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`everfresh: ${trace}\nThis is a bug in everfresh; please report it.\n`);
  return exit.failed;
}
