import assert from "node:assert/strict";
import type { Check } from "../../../../core/host/types";
import { behaviourOf, type RenderedDocument, requirementsOf } from "../../../../core/release/requirements";

describe("behaviourOf", () => {
  const document: RenderedDocument = {
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
  const behaviour = (name: string, verify: Check[] = []) => behaviourOf(name, verify, document);

  it("lists the services that a service waits for, if the document contains them", () => {
    assert.deepEqual(behaviour("web").needs, [
      { service: "db", until: "healthy" },
      { service: "migrate", until: "ended" },
      { service: "cache", until: "started" },
    ]);
  });
  for (const name of ["db", "nothing", "constructor"]) {
    it(`finds that ${name} waits for nothing`, () => assert.deepEqual(behaviour(name).needs, []));
  }

  it("lists what only one container on a host can have: its name, single ports, fixed addresses", () => {
    assert.deepEqual(behaviour("web").claims, [
      { kind: "name", name: "the-web" },
      { kind: "port", protocol: "tcp", port: 80, address: "" },
      { kind: "port", protocol: "udp", port: 53, address: "127.0.0.1" },
      { kind: "address", address: "10.0.0.2" },
    ]);
    assert.deepEqual(behaviour("db").claims, []);
  });

  const lifetimes: [string, string, Check[], string][] = [
    ["a one-shot that others wait for", "migrate", [], "ends"],
    ["a service that publishes ports", "web", [], "lasts"],
    ["a service that a check runs a command in", "cache", [{ kind: "command", command: ["a"] }], "lasts"],
    ["a service with only a file check", "cache", [{ kind: "file", path: "/a", contains: "b" }], "either"],
    ["any other service", "cache", [], "either"],
  ];
  for (const [what, name, verify, lifetime] of lifetimes) {
    it(`reports the lifetime \`${lifetime}\` for ${what}`, () =>
      assert.equal(behaviour(name, verify).lifetime, lifetime));
  }
});

describe("requirementsOf", () => {
  const ports = (port: string) => [{ target: 80, published: port }];
  const publishing: [string, object, number[]][] = [
    ["a published port", { ports: ports("80") }, [80, 80]],
    ["a range of ports", { ports: ports("8000-8010") }, [8000, 8010]],
    ["no port of a service without containers", { ports: ports("81"), scale: 0 }, []],
    ["no port of a service with no replicas", { ports: ports("82"), deploy: { replicas: 0 } }, []],
    // Docker discards them, and what the container listens on itself is no other program's.
    ["no port of a container in the host's network", { ports: ports("83"), network_mode: "host" }, []],
    ["no port that docker chooses", { ports: [{ target: 80 }] }, []],
  ];
  for (const [what, service, wanted] of publishing) {
    it(`requires ${what}`, () => {
      const found = requirementsOf({ services: { web: service } }).ports;
      assert.deepEqual(
        found.flatMap(({ first, last }) => [first, last]),
        wanted,
      );
    });
  }

  it("names volumes as the host does, with the options to create them", () => {
    const volumes = {
      plain: { name: "shop_plain" },
      odd: { name: "shop_$odd", driver: "nfs", driver_opts: { o: "a", device: 1 } },
      outside: { name: "elsewhere", external: true },
      nameless: {},
      nothing: null,
    };
    assert.deepEqual(requirementsOf({ volumes }).volumes, [
      { name: "shop_plain", external: false, driver: "local", options: {} },
      { name: "shop_$odd", external: false, driver: "nfs", options: { o: "a", device: 1 } },
      { name: "elsewhere", external: true, driver: "local", options: {} },
    ]);
  });

  it("names networks as the host does, with the definition to create them from", () => {
    const networks = {
      plain: { name: "shop_plain" },
      ours: { name: "shop_ours", labels: { "dev.everfresh.definition": "abc" } },
      outside: { name: "elsewhere", external: true },
      nothing: null,
    };
    assert.deepEqual(requirementsOf({ networks }).networks, [
      { name: "shop_plain", external: false },
      { name: "shop_ours", external: false, definition: "abc" },
      { name: "elsewhere", external: true },
    ]);
  });
});
