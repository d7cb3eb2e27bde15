import assert from "node:assert/strict";
import type { HostState } from "../../../core/host/types";
import { named, type Provider, reveal, type World } from "../../support/graph";
import { container } from "../../unit/core/host/states";
import { digest } from "../fixtures";
import { deployed, leave, programOf, proved, type Run, refused, run, shop, staging, useShop } from "./shop";

const overSsh = { transport: "ssh", registry: {} };
const address = "127.0.0.1:27180";

/** Lets the hosts run this stack's release, with these images of the services that are built. */
function hostsRun(digests: (host: string) => string): void {
  const { host } = shop.outside;
  shop.outside.host = (name): HostState => {
    const state = host(name);
    const digest = digests(name);
    const containers = ["web", "api"].map((service) => container(service, { digests: [digest] }));
    return {
      ...state,
      current: {
        ...state.current!,
        services: containers.map(({ service }) => ({
          name: service,
          image: service,
          replicas: 1,
          files: [],
          digest,
        })),
      },
      proved: containers.map(({ service, imageId, configHash }) => ({
        service,
        imageId,
        configHash,
        state: "running",
      })),
      containers,
    };
  };
}

/** Why a run builds images. One that it does not build has resources all the same. */
const builds = ({ log }: Run) =>
  log.flatMap(({ severity, message, resource }) => (severity === "info" && resource ? [message] : [])).sort();

describe("the program, with transport ssh", () => {
  useShop();

  // The hosts have the release already, so that no connection to them is made.
  beforeEach(async () => deployed(await run()));

  it("names images on the hosts by their digest, and not by where they are pulled from", async () => {
    const first = await run(overSsh);
    assert.equal(first.result.images.web!.ref, `${address}/shop-web@${digest}`);
    const sent = programOf(first);
    const imageIn = (service: string) => new RegExp(`(?:^|\0)${service}\\|([^|]*)\\|`, "m").exec(sent)![1];
    const tag = digest.slice("sha256:".length, "sha256:".length + 12);
    for (const service of ["web", "api"]) {
      const name = `localhost/everfresh/shop/shop-${service}:${tag}`;
      assert.equal(imageIn(service), name);
      assert.ok(sent.includes(name, sent.indexOf("services:")), `${name} is not in the compose file`);
    }
    assert.equal(imageIn("redis"), "redis:7");
    assert.ok(!sent.includes(address));
  });

  it("tells the hosts of no registry, because the address differs each time", async () => {
    const stdinOf = async (changes: Record<string, unknown>) =>
      reveal(named(await run(changes), "web1-up").inputs.stdin) as string;
    assert.match(await stdinOf({}), /^registry_address='?10\.0\.0\.1:5000'?$/m);
    const stdin = await stdinOf(overSsh);
    for (const value of ["address", "config", "login"])
      assert.match(stdin, new RegExp(`^registry_${value}=''$`, "m"));
  });

  describe("when nothing has changed", () => {
    let first: Run;
    beforeEach(async () => {
      first = await run(overSsh);
      deployed(first);
    });

    const lost = ["api", "web"].map((service) => `${service}: its image is not known to be in this registry`);

    it("builds again images that neither a host nor this machine's registry has, and says why", async () => {
      assert.deepEqual(builds(await run(overSsh)), lost);
    });

    for (const [name, other] of [
      ["runs none", ""],
      ["runs others", `sha256:${"ee".repeat(32)}`],
    ] as const) {
      it(`builds again images that this machine's registry lacks, if one of the hosts ${name}`, async () => {
        hostsRun((host) => (host === "web1" ? digest : other));
        assert.deepEqual(builds(await run(overSsh)), lost);
      });
    }

    it("keeps an image that every host runs, and does not ask the registry", async () => {
      hostsRun(() => digest);
      shop.outside.registry = () => assert.fail("the registry is asked");
      const again = await run(overSsh);
      assert.deepEqual(builds(again), []);
      assert.deepEqual(again.result.images, first.result.images);
    });

    it("keeps an image that this machine's registry has", async () => {
      const asked: string[] = [];
      shop.outside.registry = (name) => {
        asked.push(name);
        return digest;
      };
      const again = await run(overSsh);
      assert.deepEqual(builds(again), []);
      assert.deepEqual(again.result.images, first.result.images);
      assert.deepEqual(
        asked.sort(),
        ["api", "web"].map((service) => `${address}/shop-${service}@${digest}`),
      );
    });
  });

  describe("with promoteFrom", () => {
    const promotion = { ...overSsh, promoteFrom: "staging" };
    beforeEach(async () => leave(proved(await run(overSsh)), staging));

    it("refuses images that a host lacks and this machine's registry too", async () => {
      hostsRun((host) => (host === "web1" ? digest : ""));
      const line = (service: string) =>
        `everfresh:promoteFrom: the image of ${service} is on another machine; `;
      await refused(run(promotion), line("api"), line("web"));
    });

    it("deploys images that this machine's registry has", async () => {
      shop.outside.registry = (name) => (name.startsWith(`${address}/`) ? digest : undefined);
      const promoted = await run(promotion);
      assert.equal(promoted.result.images.web!.ref, `${address}/shop-web@${digest}`);
      assert.deepEqual(builds(promoted), []);
    });

    it("deploys images that every host runs", async () => {
      hostsRun(() => digest);
      assert.equal((await run(promotion)).result.images.web!.digest, digest);
    });
  });

  describe("the registry of this machine", () => {
    /** What a run does: starts the registry, or pushes an image. */
    async function steps(changes: Record<string, unknown>, world: World = {}): Promise<string[]> {
      const done: string[] = [];
      shop.outside.useLocalRegistry = () => void done.push("start");
      const pushing: Provider = ({ name, type }) => {
        if (type === "docker:index/registryImage:RegistryImage") done.push(name);
        return {};
      };
      await run(changes, world, pushing);
      return done;
    }

    it("is started before an image is pushed", async () => {
      const done = await steps(overSsh);
      assert.equal(done[0], "start");
      assert.deepEqual(done.filter((step) => step !== "start").sort(), [
        "api-push",
        "api-push-tag",
        "web-push",
        "web-push-tag",
      ]);
    });

    it("is not started when nothing is built", async () => {
      deployed(await run(overSsh));
      hostsRun(() => digest);
      assert.ok(!(await steps(overSsh)).includes("start"));
    });

    it("is not started in a preview", async () => {
      assert.ok(!(await steps(overSsh, { preview: true })).includes("start"));
    });

    it("is not started with another transport", async () => {
      shop.stacks = {};
      assert.ok(!(await steps({})).includes("start"));
    });
  });
});
