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
  /** Identifies this stack's state, so that the host knows whose release it runs. */
  lineage: pulumi.Input<string>;
  /** What the probe of the host found. Drift triggers a deployment. */
  judgement: Judgement;
  settings: Settings;
}

/**
 * One release on one host: sent over SSH, pulled by digest and proved by the host's own engine. If it cannot be proved, the
 * old release is put back. Replaced when the release changes or the host has drifted.
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
        // A change of anything but a trigger (a rotated key, a new password) reports the proof again and deploys nothing.
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
   * Makes the run fail, because nothing is proved, but lets it finish. The answer is in the state, where every later run
   * would meet it again. The next run's preflight learns from the stack's outputs that it has to deploy.
   */
  private tellUnreadable(host: string): void {
    const what = `${host}: its answer to the last deployment cannot be read`;
    if (pulumi.runtime.isDryRun()) {
      void pulumi.log.warn(`${what}; \`pulumi up\` deploys again`, this);
    } else {
      void pulumi.log.error(`${what}; run \`pulumi up\` again`, this);
      process.exitCode = saidItself;
    }
  }
}

/** The host's program with the release in it. It is secret, because a release may contain secrets. */
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
