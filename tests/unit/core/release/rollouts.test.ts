import assert from "node:assert/strict";
import { decideRollouts, recreationNotes, rolloutsOf } from "../../../../core/release/rollouts";
import { type Node, read } from "../compose/read";

const healthcheck = { test: ["CMD", "true"] };
const web = (node: Node = {}): Node => ({
  image: "web:1",
  healthcheck,
  networks: { default: null },
  ...node,
});
const decide = (
  services: Record<string, Node>,
  { strategy = "start-first" as const, volumes = {}, hostPaths = [] as string[] } = {},
) => decideRollouts(read(services, { volumes }), strategy, new Map(hostPaths.map((path) => [path, {}])));
const chosen = { "x-everfresh": { strategy: "start-first" } };

describe("decideRollouts", () => {
  it("recreates every service, unless told otherwise", () => {
    assert.deepEqual(decideRollouts(read({ web: web() }), "recreate", new Map()), {
      web: { kind: "recreate" },
    });
  });

  it("starts first where the stack or the service says so", () => {
    const services = { web: web(), db: web({ "x-everfresh": { strategy: "recreate" } }) };
    assert.deepEqual(rolloutsOf(decide(services)), { web: { observe: true } });
    const drain = { command: ["touch", "/draining"], seconds: 3 };
    const own = {
      web: web({ "x-everfresh": { strategy: "start-first", drain, observe: false } }),
      db: web(),
    };
    assert.deepEqual(rolloutsOf(decideRollouts(read(own), "recreate", new Map())), {
      web: { observe: false, drain },
    });
  });

  const volume = (more = {}) => ({ volumes: [{ type: "volume", source: "data", target: "/data", ...more }] });
  const bind = (source: string) => ({ volumes: [{ type: "bind", source, target: "/data" }] });
  const unable: [string, Node, string][] = [
    [
      "a port of the host",
      { ports: [{ target: 80, published: "8080" }] },
      "only one container can have port 8080 of the host",
    ],
    ["a name", { container_name: "shop" }, "only one container can be called shop"],
    [
      "the host's network",
      { network_mode: "host" },
      "`network_mode: host` gives its containers no network address of their own",
    ],
    [
      "a fixed address",
      { networks: { default: { ipv4_address: "10.0.0.2" } } },
      "only one container can have its fixed address",
    ],
    [
      "an anonymous volume",
      volume({ source: undefined }),
      "the data of its anonymous volume at /data would not be in the new container",
    ],
    [
      "no healthcheck",
      { healthcheck: undefined },
      "it has no healthcheck that tells when a new container can take requests",
    ],
    [
      "a healthcheck that is off",
      { healthcheck: { disable: true } },
      "it has no healthcheck that tells when a new container can take requests",
    ],
    [
      "a healthcheck of none",
      { healthcheck: { test: ["NONE"] } },
      "it has no healthcheck that tells when a new container can take requests",
    ],
  ];
  const cautious: [string, Node, string][] = [
    ["a volume", volume(), "it writes to volume data, which two containers at once may damage"],
    ["a path of the host", bind("/srv/data"), "it writes to /data, which two containers at once may damage"],
  ];
  for (const [what, node, why] of [...unable, ...cautious]) {
    it(`recreates a service with ${what}, and says why`, () => {
      const decisions = decide({ web: web(node) }, { volumes: { data: {} } });
      assert.deepEqual(rolloutsOf(decisions), {});
      const [note, ...more] = recreationNotes(decisions, false);
      assert.deepEqual(more, []);
      assert.ok(note!.startsWith(`web: is recreated, not started first: ${why}; `), note);
    });
  }
  for (const [what, node] of unable) {
    it(`warns if a service with ${what} chose it`, () => {
      const decisions = decide({ web: web({ ...node, ...chosen }) }, { volumes: { data: {} } });
      assert.equal(recreationNotes(decisions, true).length, 1);
      assert.deepEqual(recreationNotes(decisions, false), []);
    });
  }
  for (const [what, node] of cautious) {
    it(`takes the word of a service with ${what}`, () => {
      assert.deepEqual(rolloutsOf(decide({ web: web({ ...node, ...chosen }) }, { volumes: { data: {} } })), {
        web: { observe: true },
      });
    });
  }
  for (const [what, node, options] of [
    ["reads from a volume", volume({ read_only: true }), {}],
    [
      "has a volume that several may use",
      volume(),
      { volumes: { data: { "x-everfresh": { exclusive: false } } } },
    ],
    ["has several containers already", { ...volume(), scale: 2 }, {}],
    ["has a volume of its image", { ...volume(), "x-everfresh": { volumes: { data: "image" } } }, {}],
    ["lets docker choose the port", { ports: [{ target: 80 }] }, {}],
  ] as [string, Node, object][]) {
    it(`starts a service first that ${what}`, () => {
      assert.deepEqual(rolloutsOf(decide({ web: web(node) }, { volumes: { data: {} }, ...options })), {
        web: { observe: true },
      });
    });
  }

  it("recreates a service whose volume is marked as exclusive, whatever the service says", () => {
    const volumes = { data: { "x-everfresh": { exclusive: true } } };
    const decisions = decide({ web: web({ ...volume(), ...chosen }) }, { volumes });
    assert.match(recreationNotes(decisions, true)[0]!, /volume data is marked as exclusive/);
  });

  const insides: [Node, string][] = [
    [{ network_mode: "service:web" }, "network_mode: service:web"],
    [{ pid: "service:web" }, "pid: service:web"],
    [{ volumes_from: ["web:ro"] }, "volumes_from"],
  ];
  for (const [node, how] of insides)
    it(`recreates a service that another one runs inside (${how})`, () => {
      const [note] = recreationNotes(
        decide({ web: web(), sidecar: { image: "s:1", ...node, ...noRollout } }),
        false,
      );
      assert.ok(
        note!.startsWith(
          `web: is recreated, not started first: sidecar runs inside its container (\`${how}\`)`,
        ),
        note,
      );
    });
  const noRollout = { "x-everfresh": { strategy: "recreate" } };
});
