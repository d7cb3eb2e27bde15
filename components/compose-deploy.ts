import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { sendLargeFiles } from "../adapters/large-files";
import type { Judgement } from "../core/host/judge";
import { hostCommand } from "../core/host/program-text";
import { deployProgram } from "../core/host/requests";
import { type ProvedRelease, readResult } from "../core/host/result";
import type { DeployRequest } from "../core/host/types";
import { printable } from "../core/printable";
import { deployRequest } from "../core/release/request";
import type { Host, Settings } from "../core/settings";
import { connection } from "./connection";
import { saidItself } from "./engine-gone";
import type { DeployableRelease } from "./release";
import { stackName } from "./stack-state";
import { withoutStackTrace } from "./user-error";

export interface ComposeDeployArgs {
  host: Host;
  release: DeployableRelease;
  /** Names this stack's state, so that the host can tell whose release it runs. */
  lineage: pulumi.Input<string>;
  /** What the host's probe showed: drift is part of what triggers a deployment. */
  judgement: Judgement;
  settings: Settings;
}

/**
 * One release on one host: sent over SSH, pulled by digest, proved by the host's own engine, put back if it cannot be.
 * Replaced when the release changes or the host has drifted.
 */
export class ComposeDeploy extends pulumi.ComponentResource {
  /** What the host proved. */
  readonly result: pulumi.Output<ProvedRelease>;

  constructor(name: string, args: ComposeDeployArgs, opts?: pulumi.ComponentResourceOptions) {
    super("everfresh:index:ComposeDeploy", name, { host: args.host.name }, opts);
    const { host, release, judgement } = args;
    for (const text of [...judgement.drift, ...judgement.notes])
      void pulumi.log.warn(printable(`${host.name}: ${text}`), this);

    const deployment = new remote.Command(
      `${name}-up`,
      {
        connection: connection(host),
        create: hostCommand("deploy"),
        // Anything but a trigger (a rotated key, a new password) asks for the proof again and changes nothing.
        update: hostCommand("report"),
        stdin: deploymentProgram(args),
        triggers: [{ release: release.id, host: judgement.token }],
        addPreviousOutputInEnv: false,
        logging: remote.Logging.Stderr,
      },
      { parent: this },
    );

    this.result = deployment.stdout.apply((stdout) => {
      const result = readResult(stdout);
      if (result.release === "") this.tellUnreadable(host.name);
      return result;
    });
    this.registerOutputs({ result: this.result });
  }

  /**
   * Nothing is proved: the run is red. But it comes to its end: the answer is in the state, where every later run would meet
   * it again, and the stack's outputs are how the next one's preflight learns of it.
   */
  private tellUnreadable(host: string): void {
    const what = `${host}: what it answered to its last deployment cannot be read`;
    if (pulumi.runtime.isDryRun()) {
      void pulumi.log.warn(`${what}; \`pulumi up\` deploys again`, this);
    } else {
      void pulumi.log.error(`${what}; run \`pulumi up\` again`, this);
      process.exitCode = saidItself;
    }
  }
}

/** The host's program with the release in it: secret, as a release may be. */
function deploymentProgram({
  host,
  release,
  lineage,
  judgement,
  settings,
}: ComposeDeployArgs): pulumi.Output<string> {
  const where = `everfresh:hosts[${settings.hosts.indexOf(host)}]`;
  const send = (request: DeployRequest) =>
    sendLargeFiles({ host, where }, request, (bytes) => {
      void pulumi.log.info(`${host.name}: sending ${Math.ceil(bytes / 1e6)} MB of mounted files`);
    }).catch(withoutStackTrace);
  const program = pulumi.output(lineage).apply((lineage) =>
    release.apply(async (release, { who, from }) => {
      const { token } = judgement;
      const request = deployRequest(
        { release, token, lineage, host, who, from, stack: stackName() },
        settings,
      );
      if (!pulumi.runtime.isDryRun()) await send(request);
      return deployProgram(request).stdin;
    }),
  );
  return pulumi.secret(program);
}
