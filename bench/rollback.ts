/**
 * Measures how long a host takes to roll back to a release that it keeps, compared with `docker compose up` of the same files
 * on the same host, over the same kind of connection. Each side switches back and forth between two releases. Prints medians,
 * in seconds of wall clock. The registry is off. Usage: npm run bench:rollback [-- <runs>]
 */
import { stopRegistry } from "../lab/faults";
import { down, up } from "../lab/lab";
import { deploy, pushImages, requestFor, served, shop } from "../tests/faults/support/shop";
import { runOn } from "../tests/faults/support/ssh";
import { median } from "./median";

const runs = Number(process.argv[2] ?? 5);

async function main(): Promise<void> {
  const lab = await up({ name: "bench-rollback" });
  try {
    const host = lab.hosts[0]!;
    const images = await pushImages(lab, ["one", "two", "api"]);
    const releases = ["one", "two"].map((page) => shop(images, page, { page, conf: page }));
    for (const release of releases) await must(deploy(host, requestFor(lab, release)));
    await stopRegistry(lab);

    const kept = (settle: number) => (id: string) =>
      must(deploy(host, requestFor(lab, { kept: id, project: "shop" }, { settle })));
    const compose =
      (...more: string[]) =>
      (id: string) => {
        const file = `.everfresh/shop/releases/${id}/compose.yaml`;
        const words = ["-p shop", "--project-directory .everfresh/shop", `-f ${file}`, "up -d", ...more];
        return must(runOn(host, { command: `docker compose ${words.join(" ")}`, stdin: "" }));
      };
    const sides = {
      rollback: kept(0),
      "rollback that settles for 1 s": kept(1),
      "up -d --wait": compose("--wait"),
      "up -d": compose(),
    };
    const seconds = Object.fromEntries(Object.keys(sides).map((side) => [side, [] as number[]]));
    for (let turn = 0; turn <= runs; turn++) {
      for (const [side, go] of Object.entries(sides)) {
        for (const { id } of releases) {
          const start = performance.now();
          await go(id);
          if (turn > 0) seconds[side]!.push((performance.now() - start) / 1000);
          if (side !== "up -d" && (await served(host)) !== id) throw new Error(`${side}: ${id} is not live`);
        }
      }
    }
    const medians = Object.fromEntries(Object.entries(seconds).map(([side, all]) => [side, median(all)]));
    const ours = medians.rollback!;
    for (const [side, time] of Object.entries(medians))
      console.log(`${side}: ${time.toFixed(2)} s; rollback takes ${(ours / time).toFixed(2)} times that`);
    console.log("target: at most 1.5 times");
  } finally {
    await down("bench-rollback");
  }
}

async function must(running: Promise<{ status: number | undefined; stderr: string }>): Promise<void> {
  const { status, stderr } = await running;
  if (status !== 0) throw new Error(`status ${status}: ${stderr}`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
