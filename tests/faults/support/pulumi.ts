import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestStack } from "../../support/stack";

/**
 * Kills all that a stack's pulumi has started (SIGKILL): the command line with its engine, the language host, the program
 * and the plugins, wherever they are: plugins have process groups of their own. They are known by the state's address in
 * their environment. Returns their names when none is left.
 */
export async function killPulumi(stack: TestStack): Promise<string[]> {
  const killed = new Set<string>();
  for (;;) {
    const found = await processesOf(`PULUMI_BACKEND_URL=file://${stack.state}`);
    if (found.length === 0) return [...killed].sort();
    for (const { pid, name } of found) {
      killed.add(name);
      try {
        process.kill(pid, "SIGKILL");
      } catch {} // it is gone already
    }
    await sleep(20);
  }
}

/** Living processes with this variable in their environment. */
async function processesOf(variable: string): Promise<{ pid: number; name: string }[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    all.map(async (pid) => {
      try {
        const environment = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
        if (!environment.includes(variable)) return [];
        return [{ pid: Number(pid), name: (await readFile(`/proc/${pid}/comm`, "utf8")).trim() }];
      } catch {
        return []; // it went away meanwhile
      }
    }),
  );
  return found.flat();
}
