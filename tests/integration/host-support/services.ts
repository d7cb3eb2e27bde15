import assert from "node:assert/strict";
import type { ReleaseService } from "../../../core/host/types";
import { engine } from "../../../lab/faults";
import { ownHost } from "../../faults/support/own-host";
import {
  containersOf,
  deploy,
  inVolume,
  look,
  releaseOf,
  removeContainers,
  requestFor,
} from "../../faults/support/shop";
import { soonHealthy } from "../../support/health";
import type { WrittenRelease } from "../../support/written-release";

/** A service of these tests: what `docker compose` is told of it beside its image, one of the pages that have an image. */
export type Service = { page?: string; [key: string]: unknown } & Pick<
  ReleaseService,
  "rollout" | "before" | "after" | "reload"
>;
export type Services = Record<string, Service>;

export const sh = (script: string) => ["sh", "-c", script];
export const forever = "exec sleep 100000";

const STATE = { volumes: ["state:/state"], stop_grace_period: "1s" };
const published = (port: number) => ({
  target: 80,
  published: String(port),
  protocol: "tcp",
  mode: "ingress",
});

/** Notes in the volume `state` that it ran, then does as told. */
export const oneShot = (name: string, script = ""): Service => ({
  ...STATE,
  command: sh(`echo ${name} >>/state/runs; ${script}`),
  restart: "no",
});

/** Serves its page at port 8080. */
export const web = (page: string, more: object = {}): Service => ({
  ...STATE,
  page,
  init: true,
  restart: "unless-stopped",
  ports: [published(8080)],
  healthcheck: { test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"], ...soonHealthy },
  ...more,
});

/** Serves its page to the other services. */
export const rolled = (page: string, more: object = {}): Service =>
  web(page, { volumes: [], ports: [], rollout: { observe: true }, ...more });

/** Asks `web` for its page again and again, as a proxy does: a connection that is refused is tried again. Notes the answers. */
export const client = (address = "web"): Service => ({
  page: "api",
  init: true,
  volumes: ["state:/state"],
  stop_grace_period: "1s",
  command: sh(
    `where=$(busybox nslookup web | busybox awk '/^Address/ && !/127.0.0.11/ { print $$NF; exit }')
     while :; do
       try=0
       until wget -q -T 1 -O - http://${address}/; do
         try=$$((try + 1))
         test $$try = 10 && echo "no answer" && break
         sleep 0.1
       done
       sleep 0.1
     done >>/state/answers 2>/dev/null`,
  ),
  depends_on: { web: { condition: "service_healthy" } },
});

/** Like `web`, but it exits at once with status 4. */
export const dying = (page: string, more: object = {}) =>
  web(page, { ...more, command: sh("exit 4"), restart: "no" });

/** Healthy as soon as /ok is there. */
export const db = (version: string, script = "touch /ok"): Service => ({
  init: true,
  stop_grace_period: "1s",
  restart: "unless-stopped",
  command: sh(`echo ${version}; ${script}; ${forever}`),
  healthcheck: { test: ["CMD", "test", "-f", "/ok"], interval: "300ms", timeout: "2s", retries: 3 },
});

/** Runs, and does nothing. */
export const idle: Service = { init: true, command: sh(forever), stop_grace_period: "1s" };

export const cannotStart: Service = { ...db("new"), init: false, command: ["/no/such"] };

/** A host of its own for the tests of one describe block: each begins with nothing deployed there. */
export function ownProject(name: string) {
  const own = ownHost(name, ["one", "two", "api"]);
  let count = 0;

  beforeEach(async () => {
    await removeContainers(own.host);
    await engine(own.host, "volume", "rm", "-f", "shop_state");
    await own.sh("rm -rf ~/.everfresh", { user: "deploy" });
  });

  /** A new release of these services. */
  const release = (services: Services, more: object = {}): WrittenRelease =>
    releaseOf(own.images, `r${++count}`, {
      services: Object.fromEntries(
        Object.entries(services).map(([name, { page = "api", ...rest }]) => [name, { image: page, ...rest }]),
      ),
      volumes: { state: {} },
      ...more,
    });
  const inState = (script: string) => inVolume(own.host, "state", script);

  return {
    get host() {
      return own.host;
    },
    get lab() {
      return own.lab;
    },
    get images() {
      return own.images;
    },
    release,
    /** Runs a script on the host, as root or as the user who deploys. */
    sh: (...of: Parameters<typeof own.sh>) => own.sh(...of),
    /** Deploys a release that must be proved. */
    async deployed(services: Services, overrides = {}, more = {}) {
      const made = release(services, more);
      const { status, stderr } = await deploy(own.host, requestFor(own.lab, made, overrides));
      assert.equal(status, 0, stderr);
      return { id: made.id, stderr };
    },
    /** Deploys a release that must fail; returns what was said. */
    async fails(services: Services, overrides = {}) {
      const { status, stderr } = await deploy(own.host, requestFor(own.lab, release(services), overrides));
      assert.equal(status, 1, stderr);
      return stderr;
    },
    /** Each service's container, and since when it runs. */
    async containers() {
      const all = await containersOf(own.host);
      return Object.fromEntries(all.map((container) => [container.service, container]));
    },
    inState,
    /** What the one-shots have noted, in turn. */
    runs: async () => (await inState("cat /state/runs")).split("\n"),
    hasNoDrift: async () => assert.deepEqual((await look(own.host)).drift, []),
  };
}
