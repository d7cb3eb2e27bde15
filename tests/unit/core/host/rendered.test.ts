import assert from "node:assert/strict";
import {
  claimsOf,
  courseOf,
  needsOf,
  portLines,
  type Rendered,
  volumeLines,
} from "../../../../core/host/rendered";
import type { ReleaseService } from "../../../../core/host/types";

const service = (name: string, more: Partial<ReleaseService> = {}): ReleaseService => ({
  name,
  image: "a",
  replicas: 1,
  files: [],
  verify: [],
  ...more,
});

describe("a rendered compose file", () => {
  const rendered: Rendered = {
    services: {
      web: {
        container_name: "the-web",
        ports: [
          { published: "80", protocol: "tcp" },
          { published: "53", protocol: "udp", host_ip: "127.0.0.1" },
          { published: "8000-8010" },
          {},
        ],
        networks: { a: { ipv4_address: "10.0.0.2" }, b: null },
        depends_on: {
          db: { condition: "service_healthy" },
          migrate: { condition: "service_completed_successfully" },
          cache: { condition: "service_started" },
          constructor: null,
        },
      },
      db: null,
      migrate: {},
      cache: {},
    },
  };

  it("tells what a service waits for, of what is there", () => {
    assert.deepEqual(needsOf(service("web"), rendered), ["db=healthy", "migrate=ended", "cache=started"]);
    for (const name of ["db", "nothing", "constructor"])
      assert.deepEqual(needsOf(service(name), rendered), []);
  });

  it("tells what only one container can have", () => {
    assert.deepEqual(claimsOf(service("web"), rendered), [
      "name/the-web",
      "port/tcp/80/",
      "port/udp/53/127.0.0.1",
      "ip/10.0.0.2",
    ]);
    assert.deepEqual(claimsOf(service("db"), rendered), []);
  });

  it("tells a one-shot that others wait for from what is to keep running", () => {
    assert.equal(courseOf(service("migrate"), rendered), "ends");
    assert.equal(courseOf(service("web"), rendered), "lasts");
    assert.equal(courseOf(service("cache"), rendered), "");
    const asked = service("cache", { verify: [{ kind: "command", command: ["a"] }] });
    assert.equal(courseOf(asked, rendered), "lasts");
  });

  it("tells how volumes are to be made, as docker tells how they were", () => {
    const volumes = {
      plain: { name: "shop_plain" },
      odd: { name: "shop_odd", driver: "nfs", driver_opts: { o: "a b/c:d@e!'()*+%\u00fc~", device: 1 } },
      outside: { name: "elsewhere", external: true },
      nameless: {},
      uncarried: { name: "a|b" },
      nothing: null,
    };
    assert.deepEqual(volumeLines({ volumes }), [
      "shop_plain|local|",
      "shop_odd|nfs|device=1 o=a+b/c:d@e%21%27%28%29%2A%2B%25%C3%BC~ ",
      "elsewhere|external",
    ]);
  });
});

describe("portLines", () => {
  it("names the ports that are to be free, not those that no container takes", () => {
    const ports = (port: string) => [{ target: 80, published: port }];
    const services = {
      web: { ports: ports("80") },
      stopped: { ports: ports("81"), scale: 0 },
      none: { ports: ports("82"), deploy: { replicas: 0 } },
      // Docker discards them, and what the program itself listens on is no other program's.
      agent: { ports: ports("83"), network_mode: "host" },
    };
    assert.deepEqual(portLines({ services }), ["tcp|80|80|"]);
  });
});
