import assert from "node:assert/strict";
import type { ServiceNode } from "../../../../core/compose/document";
import { forEveryVersion } from "../../../../core/compose/every-version";

describe("forEveryVersion", () => {
  const forms: [what: string, printed: ServiceNode, rendered: ServiceNode][] = [
    [
      "writes an address of another host with a colon, which compose 2.17 wants",
      { extra_hosts: ["a=10.0.0.1", "six=::1", "gate=host-gateway", "old:10.0.0.2"] },
      { extra_hosts: ["a:10.0.0.1", "six:::1", "gate:host-gateway", "old:10.0.0.2"] },
    ],
    [
      "writes a device in its short form, the only one that compose 2.17 knows",
      { devices: [{ source: "/dev/a", target: "/dev/b", permissions: "r" }, "/dev/c:/dev/c:rwm"] },
      { devices: ["/dev/a:/dev/b:r", "/dev/c:/dev/c:rwm"] },
    ],
    [
      "leaves a device whose path has colons, which has no short form",
      { devices: [{ source: "/dev/pci-0000:00", target: "/dev/b", permissions: "r" }] },
      { devices: [{ source: "/dev/pci-0000:00", target: "/dev/b", permissions: "r" }] },
    ],
    [
      "writes a share of the processors as a text, which compose 2.17 wants",
      { deploy: { resources: { limits: { cpus: 0.5, memory: "1" }, reservations: { cpus: 2 } } } },
      { deploy: { resources: { limits: { cpus: "0.5", memory: "1" }, reservations: { cpus: "2" } } } },
    ],
    [
      "says that there are to be no containers as compose 2.17 understands it",
      { scale: 0, deploy: { mode: "replicated" } },
      { deploy: { mode: "replicated", replicas: 0 } },
    ],
    ["leaves another scale, and what is not there", { scale: 2, image: "a" }, { scale: 2, image: "a" }],
  ];
  for (const [what, printed, rendered] of forms) {
    it(what, () => assert.deepEqual(forEveryVersion(printed), rendered));
  }
});
