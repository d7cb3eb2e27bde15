/** What the command line's exit status says. */
export const exit = {
  done: 0,
  /** The deployment failed, or was not carried out; the old release serves. */
  failed: 1,
  /** Usage, configuration, or anything else that was found before something was changed. */
  refused: 2,
  /** Somebody else is deploying. */
  locked: 3,
  /** The deployment failed and could not be put back: a person is needed. */
  broken: 4,
} as const;

export type ExitStatus = (typeof exit)[keyof typeof exit];

/** One run of pulumi, as it ended. */
export interface PulumiRun {
  /** Undefined when it was ended by a signal. */
  status?: number;
  stderr: string;
  /** Its event log: one JSON object a line. */
  events: string;
}

export interface Outcome {
  exit: ExitStatus;
  /** Error messages, the hosts' own words among them. */
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
 * Tells how a run of pulumi ended. Pulumi's own exit status says little; the event log has the host program's, by resource.
 */
export function outcomeOf({ status, stderr, events }: PulumiRun): Outcome {
  if (status === 0) return { exit: exit.done, problems: [] };
  const { started, errors } = readErrors(events);
  if (!started) {
    const said = stderr.trim();
    return { exit: isStateLocked(said) ? exit.locked : exit.refused, problems: said === "" ? [] : [said] };
  }
  return { exit: worst(errors), problems: errors.flatMap(inItsOwnWords) };
}

/** A host's words without the command line that the command provider puts before them; the program's own, one by one. */
function inItsOwnWords({ urn, message }: ErrorEvent): string[] {
  if (urn === undefined) return message.trim().split("\n");
  return [message.replace(/^Process exited with status \d+: running .* deploy\\?":\n/, "").trim()];
}

/** Pulumi's own lock: the words of its file backends, and of its service. */
const isStateLocked = (stderr: string) =>
  /the stack is currently locked by|\[409\] Conflict|another update is currently in progress/i.test(stderr);

/** With several hosts the worst of them counts. */
function worst(errors: readonly ErrorEvent[]): ExitStatus {
  const ofResources = errors.filter(({ urn }) => urn !== undefined).map(exitOf);
  for (const status of [exit.broken, exit.failed, exit.locked, exit.refused]) {
    if (ofResources.includes(status)) return status;
  }
  // Declined at the prompt, or stopped by Ctrl-C, whatever the program itself then had to say.
  const stopped = errors.some(({ message }) => /^(update|preview) cancell?ed/.test(message));
  return stopped || errors.length === 0 ? exit.failed : exit.refused;
}

function exitOf({ urn, message }: ErrorEvent): ExitStatus {
  const said = deployment.test(urn!) ? hostProgram.exec(message)?.[1] : undefined;
  switch (said) {
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
    // Most lines are debug messages, and some are long.
    if (!line.includes('"severity":"error"')) continue;
    let event: { diagnosticEvent?: { urn?: string; message: string } } = {};
    try {
      event = JSON.parse(line);
    } catch {
      continue; // cut off, when pulumi was killed
    }
    const { urn, message } = event.diagnosticEvent ?? {};
    if (message === undefined || message.trim() === "update failed") continue;
    errors.push({ ...(urn ? { urn } : {}), message });
  }
  return { started: events !== "", errors };
}
