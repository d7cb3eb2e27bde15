import { setTimeout as pause } from "node:timers/promises";
import { engine } from "../../../lab/faults";
import { eventually } from "../../../lab/poll";
import type { Site, SiteContainer } from "./site";

/** Replaces the running version of `web` by another one. */
export type Rollout = (site: Site, version: string) => Promise<void>;

/** Stops the old container and then starts the new one. */
export const plainCompose: Rollout = async (site, version) => {
  await site.compose(version, "up", "-d", "--wait");
};

/**
 * What the tool docker-rollout does: it starts the new container beside the old one and waits until it is healthy, or 10 s if
 * there is no healthcheck; then it stops and removes the old one (https://github.com/wowu/docker-rollout).
 */
export const dockerRollout: Rollout = async (site, version) => {
  const old = await site.containers();
  const isOld = ({ id }: SiteContainer) => old.some((one) => one.id === id);
  const scale = ["--no-deps", "--no-recreate", "--scale", `web=${old.length + 1}`];
  await site.compose(version, "up", "-d", ...scale, "web");
  const started = (await site.containers()).filter((container) => !isOld(container));
  if (started.length !== 1) throw new Error(`${site.example}: ${started.length} new containers; expected 1`);
  if (started[0]!.health === "") await pause(10_000);
  else
    await eventually(
      `${site.example}: the new container`,
      async () => (await site.containers()).some((one) => !isOld(one) && one.health === "healthy"),
      180_000,
    );
  const ids = old.map(({ id }) => id);
  await engine(site.host, "stop", ...ids);
  await engine(site.host, "rm", ...ids);
};
