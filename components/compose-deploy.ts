import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { sendLargeFiles } from "../adapters/large-files";
import { lendRegistry } from "../adapters/lend-registry";
import type { Judgement } from "../core/host/judge";
import { hostCommand } from "../core/host/program-text";
import { deployProgram } from "../core/host/requests";
import { type ProvedRelease, readResult } from "../core/host/result";
import type { DeployRequest, HostState } from "../core/host/types";
import { printable } from "../core/printable";
import { deployRequest, isDeployed } from "../core/release/request";
import type { Host, Settings } from "../core/settings";
import { connection } from "./connection";
import { saidItself } from "./engine-gone";
import { progress } from "./progress";
import type { DeployableRelease } from "./release";
import { stackName } from "./stack-state";
import { withoutStackTrace } from "./user-error";

export interface ComposeDeployArgs {
  host: Host;
  release: DeployableRelease;
  /** Identifies this stack's state, so that the host knows whose release it runs. */
  lineage: pulumi.Input<string>;
  /** What the probe of the host found, and what that means. Drift triggers a deployment. */
  state: Pick<HostState, "current" | "token">;
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
        stdin: deploymentProgram(args, this),
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
function deploymentProgram(
  { host, release, lineage, state, judgement, settings }: ComposeDeployArgs,
  resource: pulumi.Resource,
): pulumi.Output<string> {
  const where = `everfresh:hosts[${settings.hosts.indexOf(host)}]`;
  const { token } = judgement;
  /** Brings to the host what the request itself has no room for. */
  const prepare = async (request: DeployRequest, repositories: readonly string[]) => {
    await sendLargeFiles({ host, where }, request, (bytes) => {
      void pulumi.log.info(`${host.name}: sending ${Math.ceil(bytes / 1e6)} MB of mounted files`);
    });
    if (isDeployed(request, state)) return;
    const onSent = progress((bytes) => `${host.name}: ${Math.ceil(bytes / 1e6)} MB of images sent`, resource);
    await lendRegistry({ host, where }, request, settings.registry, { repositories, onSent });
  };
  const known = pulumi.all([lineage, release.repositories]);
  const program = known.apply(([lineage, repositories]) =>
    release.apply(async (release, { who, from }) => {
      const request = deployRequest(
        { release, token, lineage, host, who, from, stack: stackName() },
        settings,
      );
      if (!pulumi.runtime.isDryRun()) await prepare(request, repositories).catch(withoutStackTrace);
      return deployProgram(request).stdin;
    }),
  );
  return pulumi.secret(program);
}
