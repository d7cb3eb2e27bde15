import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exec, killEngine, killHost, startEngine, startHost } from "../../../lab/faults";
import type { LabHost } from "../../../lab/lab";
import { deploymentProgram, type WrittenRequest } from "../../support/written-release";
import { Connection, type Run } from "./ssh";

/** What dies: the program alone, it and all its children, the SSH connection, the engine, or the whole machine. */
export type Victim = "program" | "session" | "connection" | "engine" | "host";

/**
 * A call of a tool that changes something: the n-th; or the first that matches a pattern of the shell, which is the same
 * one however fast the machine is.
 */
export type Step = number | string;

/** When: before or after a step; or so many milliseconds after the start. */
export type Moment = { step: Step; side: "before" | "after" } | { after: number };

export interface Kill {
  victim: Victim;
  moment: Moment;
}

const STEPS = ["docker", "mv", "ln", "rm", "mkdir", "tar", "sync"];

/** Puts the stepper before the tools of a lab host. */
export async function installStepper(host: LabHost): Promise<void> {
  const text = await readFile(join(__dirname, "stepper.sh"), "utf8");
  const put = `cat >/usr/local/bin/stepper && chmod 755 /usr/local/bin/stepper && cd /usr/local/bin && for t in ${STEPS.join(" ")}; do ln -sf stepper $t; done`;
  await exec(host, ["sh", "-c", put], { input: text });
}

/** A plan without a victim: calls are counted, and that is all. */
const nowhere = "before program 0";

const plan = (host: LabHost, text: string) =>
  exec(
    host,
    ["sh", "-c", "rm -f /tmp/kill-*; cat >/tmp/kill-plan; touch /tmp/kill-count; chmod 666 /tmp/kill-*"],
    { input: `${text}\n` },
  );

/** How many steps a deployment takes. */
export async function countSteps(host: LabHost, request: WrittenRequest): Promise<number> {
  await plan(host, nowhere);
  using connection = await Connection.open(host);
  const { status, stderr } = await connection.run(deploymentProgram(request));
  if (status !== 0) throw new Error(`the deployment whose steps are counted failed: ${stderr}`);
  return Number(await exec(host, ["sh", "-c", "wc -c </tmp/kill-count"]));
}

/** Runs a deployment that is held before its n-th step while `disturb` does something to the host. */
export async function deployDisturbed(
  host: LabHost,
  request: WrittenRequest,
  step: Step,
  disturb: () => Promise<unknown>,
): Promise<Run> {
  await plan(host, `before driver ${step}`);
  using connection = await Connection.open(host);
  const running = connection.run(deploymentProgram(request));
  await Promise.race([waitForStep(host), running]);
  await disturb();
  await exec(host, ["touch", "/tmp/kill-done"]);
  const run = await running;
  await exec(host, ["sh", "-c", "rm -f /tmp/kill-*"]);
  return run;
}

/** Ends the host's engine in order and waits until its successor answers. */
export async function restartEngine(host: LabHost): Promise<void> {
  await exec(host, [
    "sh",
    "-c",
    "p=$(pgrep -x dockerd) && kill $p && while [ -d /proc/$p ]; do sleep 0.1; done",
  ]);
  await startEngine(host);
}

export interface Killed {
  /** Whether the deployment was still at work when it was hit. */
  hit: boolean;
  /** The step that it was hit at. */
  step: string;
  run?: Run;
}

/** Runs a deployment and kills it. Returns when what was killed is up again and nothing of the deployment is left. */
export async function deployAndKill(
  host: LabHost,
  request: WrittenRequest,
  { victim, moment }: Kill,
): Promise<Killed> {
  const byStepper = "step" in moment && (victim === "program" || victim === "session");
  if ("step" in moment) await plan(host, `${moment.side} ${byStepper ? victim : "driver"} ${moment.step}`);
  else await plan(host, nowhere);

  const connection = await Connection.open(host);
  let run: Run | undefined;
  const ended = connection.run(deploymentProgram(request)).then((value) => {
    run = value;
  });
  ended.catch(() => {});
  let hit = false;
  if (!byStepper) {
    const arrived = "step" in moment ? waitForStep(host) : sleep(moment.after);
    await Promise.race([arrived, ended.catch(() => {})]);
    hit = run === undefined;
    await strike(host, victim, connection);
    if (victim !== "host") await exec(host, ["touch", "/tmp/kill-done"]);
    if (victim === "engine") {
      await sleep(300); // long enough for the program to meet the dead engine
      await startEngine(host);
    }
    if (victim === "host") await startHost(host);
  }
  await Promise.race([
    ended.catch(() => {}),
    victim === "connection" || victim === "host" ? sleep(0) : new Promise(() => {}),
  ]);
  connection.cut();
  await waitForQuiet(host);
  const step = await exec(host, ["sh", "-c", "cut -c 1-60 /tmp/kill-step 2>/dev/null || true"]);
  await exec(host, ["sh", "-c", "rm -f /tmp/kill-*"]);
  return { hit: hit || (byStepper && step !== ""), step, run };
}

function waitForStep(host: LabHost): Promise<unknown> {
  return exec(host, [
    "sh",
    "-c",
    "n=0; until [ -e /tmp/kill-now ] || [ $n -gt 400 ]; do sleep 0.05; n=$((n + 1)); done",
  ]);
}

async function strike(host: LabHost, victim: Victim, connection: Connection): Promise<void> {
  const pid = "pgrep -o -f 'everfresh [d]eploy'";
  switch (victim) {
    case "program":
      await exec(host, ["sh", "-c", `kill -KILL $(${pid}) 2>/dev/null || true`]);
      return;
    case "session":
      await exec(host, [
        "sh",
        "-c",
        `p=$(${pid}) && pkill -KILL -s $(awk '{ print $6 }' /proc/$p/stat) || true`,
      ]);
      return;
    case "connection":
      connection.cut();
      return;
    case "engine":
      return killEngine(host);
    case "host":
      return killHost(host);
    default:
      victim satisfies never;
  }
}

/** Waits until no process of a deployment is left, the children of a killed one included. */
async function waitForQuiet(host: LabHost): Promise<void> {
  const busy =
    "pgrep -f 'everfresh [d]eploy' >/dev/null || ! flock -n /home/deploy/.everfresh/shop/lock true";
  const wait = `n=0; while ${busy}; do sleep 0.1; n=$((n + 1)); [ $n -lt 900 ] || exit 1; done`;
  await exec(host, ["sh", "-c", wait], { user: "deploy" }).catch(() => {
    throw new Error("the lock was still held 90 seconds after the kill");
  });
}
