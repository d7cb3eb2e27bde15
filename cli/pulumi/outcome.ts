/** The command line's exit statuses. */
export const exit = {
  done: 0,
  /** The deployment failed, or was not carried out; the old release serves. */
  failed: 1,
  /** Wrong usage or configuration, or another problem found before anything was changed. */
  refused: 2,
  /** Somebody else is deploying. */
  locked: 3,
  /** The deployment failed and could not be put back: a person is needed. */
  broken: 4,
} as const;

export type ExitStatus = (typeof exit)[keyof typeof exit];

/** How one run of pulumi ended. */
export interface PulumiRun {
  /** Undefined when a signal ended it. */
  status?: number;
  stderr: string;
  /** Its event log: one JSON object per line. */
  events: string;
}

export interface Outcome {
  exit: ExitStatus;
  /** Error messages, including those of the hosts. */
  problems: string[];
}

interface ErrorEvent {
  /** The resource; absent for the program itself. */
  urn?: string;
  message: string;
}

const hostProgram = /^Process exited with status (\d+)/;
const deployment = /ComposeDeploy\$command:remote:Command::/;

/**
 * Derives the outcome of a run of pulumi. Pulumi's own exit status says little, but its event log has the exit status of
 * the host program for each resource.
 */
export function outcomeOf({ status, stderr, events }: PulumiRun): Outcome {
  if (status === 0) return { exit: exit.done, problems: [] };
  const { started, errors } = readErrors(events);
  if (!started) {
    const message = stderr.trim();
    return {
      exit: isStateLocked(message) ? exit.locked : exit.refused,
      problems: message === "" ? [] : [message],
    };
  }
  return { exit: worst(errors), problems: errors.flatMap(inItsOwnWords) };
}

/** A host's message without the command line that the command provider puts before it, or each line of the program's. */
function inItsOwnWords({ urn, message }: ErrorEvent): string[] {
  if (urn === undefined) return message.trim().split("\n");
  return [message.replace(/^Process exited with status \d+: running .* deploy\\?":\n/, "").trim()];
}

/** Whether Pulumi's own lock is held, in the words of its file backends and of its service. */
const isStateLocked = (stderr: string) =>
  /the stack is currently locked by|\[409\] Conflict|another update is currently in progress/i.test(stderr);

/** With several hosts, the worst status counts. */
function worst(errors: readonly ErrorEvent[]): ExitStatus {
  const ofResources = errors.filter(({ urn }) => urn !== undefined).map(exitOf);
  for (const status of [exit.broken, exit.failed, exit.locked, exit.refused]) {
    if (ofResources.includes(status)) return status;
  }
  // Declined at the prompt or stopped by Ctrl-C, whatever errors the program then reported.
  const stopped = errors.some(({ message }) => /^(update|preview) cancell?ed/.test(message));
  return stopped || errors.length === 0 ? exit.failed : exit.refused;
}

function exitOf({ urn, message }: ErrorEvent): ExitStatus {
  const status = deployment.test(urn!) ? hostProgram.exec(message)?.[1] : undefined;
  switch (status) {
    case "2":
      return exit.refused;
    case "3":
      return exit.locked;
    case "4":
      return exit.broken;
    default:
      return exit.failed;
  }
}

function readErrors(events: string): { started: boolean; errors: ErrorEvent[] } {
  const errors: ErrorEvent[] = [];
  for (const line of events.split("\n")) {
    // Most lines are debug messages, some of them long, so they are not parsed.
    if (!line.includes('"severity":"error"')) continue;
    let event: { diagnosticEvent?: { urn?: string; message: string } } = {};
    try {
      event = JSON.parse(line);
    } catch {
      continue; // cut off because pulumi was killed
    }
    const { urn, message } = event.diagnosticEvent ?? {};
    if (message === undefined || message.trim() === "update failed") continue;
    errors.push({ ...(urn ? { urn } : {}), message });
  }
  return { started: events !== "", errors };
}
