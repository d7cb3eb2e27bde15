import assert from "node:assert/strict";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

const digest = `sha256:${"a".repeat(64)}`;
const used = "f".repeat(64);
const image = `r/web@${digest}`;

interface Situation {
  state?: string;
  health?: string;
  exit?: number;
  restarts?: number;
  imageId?: string;
  mounts?: string;
  service?: string;
  /** Whether this container with this start was there before the deployment. */
  old?: boolean;
  count?: number;
  /** Whether it is put back, after a deployment that did not touch this container. */
  untouched?: boolean;
  lifetime?: "lasts" | "ends";
}

/** What `verdicts` says of a release with the one service `web`, whose container is as told. */
function verdicts(shell: string, situation: Situation): string[] {
  const {
    state = "running",
    health = "",
    exit = 0,
    restarts = 0,
    imageId = "sha256:1",
    count = 1,
  } = situation;
  const {
    mounts = `/f/store/${used}/x`,
    service = "web",
    old = false,
    untouched = false,
    lifetime = "",
  } = situation;
  const line = (id: string) =>
    `${id}|${imageId}|${state}|${health}|${exit}|${restarts}|start|hash|/n|sha256:1|${mounts} |${service}`;
  const observed = Array.from({ length: count }, (_, index) => line(`id${index}`)).join("\n");
  const program = deploymentOf({ kept: "r1", project: "shop" });
  const script = `folder_fact=/f nl='
'
services() { echo 'web|${image}|${digest}|1|0|${used}||${lifetime}'; }
observed='${observed}' observed_at_start='${observed}' observed_before='${old ? observed : ""}'
putting_back='${untouched ? 1 : ""}' finished='' release_hashes='' off_limits=''
observed_images='sha256:1|${image} |amd64|1
sha256:2|other@sha256:bbb |amd64|1' release_images='sha256:1|${image} |amd64|1'
verdicts r1`;
  const { stdout, stderr } = runUnder(shell, insteadOfMain(program, script));
  assert.equal(stderr, "");
  return stdout.split("\n").filter(Boolean);
}

describe("the proof", () => {
  const good = `good|web|id0|${digest}|start`;
  const table: [string, Situation, string[]][] = [
    ["a running container without a healthcheck", {}, [`${good}|running`]],
    ["a healthy container", { health: "healthy" }, [`${good}|healthy`]],
    ["a one-shot that ended with 0", { state: "exited" }, [`${good}|exited`]],
    [
      "a service that ended with 0 although it has a healthcheck",
      { state: "exited", health: "unhealthy" },
      ["fail|web|exited with status 0, but must keep running|id0"],
    ],
    [
      "a service that ended with 0 although it publishes a port",
      { state: "exited", lifetime: "lasts" },
      ["fail|web|exited with status 0, but must keep running|id0"],
    ],
    ["a one-shot that others wait for", { lifetime: "ends" }, ["wait|web|is still running|id0"]],
    [
      "a one-shot that others wait for, once it has ended",
      { state: "exited", lifetime: "ends" },
      [`${good}|exited`],
    ],
    [
      "a one-shot that others wait for, once it has failed",
      { state: "exited", exit: 1, lifetime: "ends" },
      ["fail|web|exited with status 1|id0"],
    ],
    [
      "a container that was unhealthy before the deployment that is put back",
      { health: "unhealthy", untouched: true },
      [`${good}|unhealthy|untouched`],
    ],
    [
      "a container of another image, even if no deployment touched it",
      { imageId: "sha256:2", untouched: true },
      [`fail|web|runs another image than ${image}|id0`],
    ],
    ["no container", { count: 0 }, ["wait|web|is missing"]],
    ["too many containers", { count: 2 }, ["wait|web|has 2 containers instead of 1"]],
    ["a container that is starting", { health: "starting" }, ["wait|web|is starting|id0"]],
    ["a new container that is unhealthy", { health: "unhealthy" }, ["fail|web|is unhealthy|id0"]],
    [
      "an old container that is unhealthy, which may recover",
      { health: "unhealthy", old: true },
      ["wait|web|is unhealthy|id0"],
    ],
    ["a container that failed", { state: "exited", exit: 3 }, ["fail|web|exited with status 3|id0"]],
    [
      "a container that is restarting",
      { state: "restarting", exit: 1, restarts: 2 },
      ["wait|web|is restarting|id0"],
    ],
    [
      "a container that keeps restarting",
      { state: "restarting", exit: 1, restarts: 8 },
      ["fail|web|keeps restarting (exit status 1)|id0"],
    ],
    [
      "a container of another image",
      { imageId: "sha256:2" },
      [`fail|web|runs another image than ${image}|id0`],
    ],
    [
      "a container whose image docker no longer has",
      { imageId: "sha256:3" },
      ["wait|web|runs an image that docker no longer has|id0"],
    ],
    [
      "a container that mounts an older file",
      { mounts: `/f/store/${"e".repeat(64)}/x` },
      ["fail|web|still uses a file from an older release|id0"],
    ],
    ["a container that mounts a path of the host", { mounts: "/var/lib/x" }, [`${good}|running`]],
    [
      "a service that is not part of the release",
      { service: "db" },
      ["wait|db|is not part of the release", "wait|web|is missing"],
    ],
  ];
  for (const shell of SHELLS)
    for (const [name, situation, expected] of table)
      it(`judges ${name} under ${shell}`, () => assert.deepEqual(verdicts(shell, situation), expected));
});
