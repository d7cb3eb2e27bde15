import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { hostCommand } from "../core/host/program-text";
import { teardownProgram } from "../core/host/requests";
import type { Host, Settings } from "../core/settings";
import { connection } from "./connection";
import { stackName } from "./stack-state";

export interface HostTeardownArgs {
  host: Host;
  /** The compose project's name. */
  project: string;
  /** Identifies this stack's state. A host that runs another stack's release is left alone. */
  lineage: pulumi.Input<string>;
  settings: Settings;
}

/**
 * Takes a host down on `pulumi destroy`. It is a separate resource because a replaced deployment's `delete` would run after
 * the new one's `create`, and take the new containers down.
 */
export class HostTeardown extends pulumi.ComponentResource {
  constructor(name: string, args: HostTeardownArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:HostTeardown", name, { host: args.host.name }, opts);
    const { host, project, settings } = args;

    new remote.Command(
      `${name}-down`,
      {
        connection: connection(host),
        // Reads its stdin to the end, because a command that does not sometimes breaks the connection.
        create: "cat >/dev/null",
        delete: hostCommand("teardown"),
        stdin: pulumi.output(args.lineage).apply(
          (lineage) =>
            teardownProgram({
              project,
              remoteDir: settings.remoteDir,
              lineage,
              host: host.name,
              who: "pulumi destroy",
              from: stackName(),
              lockWait: settings.lockWait,
              volumes: settings.removeVolumes,
            }).stdin,
        ),
        addPreviousOutputInEnv: false,
        logging: remote.Logging.Stderr,
      },
      { parent: this },
    );

    this.registerOutputs({});
  }
}
