import type { Outside } from "../adapters/outside";
import { type Judgement, judge } from "../core/host/judge";
import type { HostState } from "../core/host/types";
import { allOrEveryProblem, Problems, problem } from "../core/problems";
import { own } from "../core/records";
import type { Deployed } from "../core/release/deployed";
import type { Host, Settings } from "../core/settings";

export interface HostFacts {
  host: Host;
  state: HostState;
  judgement: Judgement;
}

/** Everything needed to probe a host and judge its answer. */
export interface Question {
  settings: Settings;
  /** The compose project's name; connections are made while it is still being read. */
  project: Promise<string>;
  /** What the stack deployed last. */
  deployed: Promise<Deployed>;
  /** Reads the stack's lineage, its identity on the hosts, from the state. */
  lineage: () => Promise<string | undefined>;
  /** In a preview, somebody else's deployment on a host is reported, not refused. */
  preview: boolean;
  probeHost: Outside["probeHost"];
}

/**
 * Asks all hosts in parallel what runs there, and compares it with what the stack knows.
 *
 * @throws Problems of all hosts.
 */
export const inspectHosts = (question: Question): Promise<HostFacts[]> =>
  allOrEveryProblem(
    question.settings.hosts.map((host, i) =>
      inspectHost({ host, where: `everfresh:hosts[${i}]`, ...question }),
    ),
  );

/**
 * @param question.where - the host's setting, for messages.
 * @throws Problems if the host cannot be probed; in `up` also if somebody else's deployment runs there.
 */
async function inspectHost({
  host,
  where,
  settings,
  project,
  deployed,
  lineage,
  preview,
  probeHost,
}: Question & { host: Host; where: string }): Promise<HostFacts> {
  const mustForward = settings.transport === "ssh";
  const state = await probeHost(host, where, project, settings.remoteDir, { mustForward });
  const { hosts, lineage: known } = await deployed;
  const judgement = judge(state, { release: own(hosts, host.name)?.release, host: host.name });
  // Before the first green `up` nothing is remembered, but an interrupted one may have reached this host.
  const ours = known ?? (state.current && (await lineage()));
  const foreign = foreignDeployment(state, ours);
  if (foreign === undefined) return { host, state, judgement };
  if (settings.takeOver === foreign.name) {
    const notes = [...judgement.notes, `${foreign.what}: it is taken over`];
    return { host, state, judgement: { ...judgement, notes } };
  }
  const refusal = problem(
    `${where} (${host.name})`,
    foreign.what,
    `${foreign.todo}, or replace it: \`pulumi config set everfresh:takeOver ${foreign.name}\``,
  );
  if (!preview) throw new Problems([refusal]);
  const drift = [...judgement.drift, `\`up\` will refuse: ${refusal}`];
  return { host, state, judgement: { ...judgement, drift } };
}

/** What runs on a host but does not belong to this stack. Same rule as `check_lineage` in remote/deploy.sh. */
function foreignDeployment({ current, lineage, containers }: HostState, ours: string | undefined) {
  // A damaged proof may not say whose it is; the host then lets the folder's owner repair it.
  if (current && lineage !== undefined && lineage !== ours) {
    return {
      name: current.id,
      what: `release ${current.id} was deployed by ${current.who} from ${current.from} (stack ${current.stack}, ${current.deployedAt}), not from this stack's state`,
      todo: "deploy from there",
    };
  }
  const strangers = containers.flatMap(({ stranger }) => stranger ?? []).sort();
  if (strangers.length === 0) return undefined;
  return {
    name: "unmanaged",
    what: `containers of this project run there that everfresh did not deploy (${strangers.join(", ")})`,
    todo: "remove them or choose another projectName",
  };
}
