import assert from "node:assert/strict";
import type { ServiceNode } from "../../../../core/compose/document";
import { forEveryVersion } from "../../../../core/compose/every-version";

describe("forEveryVersion", () => {
  const forms: [what: string, printed: ServiceNode, rendered: ServiceNode][] = [
    [
      "writes the address of an extra host with a colon, which compose 2.17 requires",
      { extra_hosts: ["a=10.0.0.1", "six=::1", "gate=host-gateway", "old:10.0.0.2"] },
      { extra_hosts: ["a:10.0.0.1", "six:::1", "gate:host-gateway", "old:10.0.0.2"] },
    ],
    [
      "writes a device in its short form, the only one that compose 2.17 accepts",
      { devices: [{ source: "/dev/a", target: "/dev/b", permissions: "r" }, "/dev/c:/dev/c:rwm"] },
      { devices: ["/dev/a:/dev/b:r", "/dev/c:/dev/c:rwm"] },
    ],
    [
      "leaves a device whose path has colons, which has no short form",
      { devices: [{ source: "/dev/pci-0000:00", target: "/dev/b", permissions: "r" }] },
      { devices: [{ source: "/dev/pci-0000:00", target: "/dev/b", permissions: "r" }] },
    ],
    [
      "writes CPU limits as strings, which compose 2.17 requires",
      { deploy: { resources: { limits: { cpus: 0.5, memory: "1" }, reservations: { cpus: 2 } } } },
      { deploy: { resources: { limits: { cpus: "0.5", memory: "1" }, reservations: { cpus: "2" } } } },
    ],
    [
      "writes a scale of 0 as compose 2.17 understands it",
      { scale: 0, deploy: { mode: "replicated" } },
      { deploy: { mode: "replicated", replicas: 0 } },
    ],
    ["keeps any other scale, and adds nothing", { scale: 2, image: "a" }, { scale: 2, image: "a" }],
  ];
  for (const [what, printed, rendered] of forms) {
    it(what, () => assert.deepEqual(forEveryVersion(printed), rendered));
  }
});
