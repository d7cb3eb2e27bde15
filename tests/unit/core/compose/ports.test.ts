import assert from "node:assert/strict";
import { Problems } from "../../../../core/problems";
import { assertRefused, read, readService } from "./read";

describe("a port of the host", () => {
  it("is read with its address and protocol if it is published by number", () => {
    const ports = [
      { target: 80, published: "8080", protocol: "tcp" },
      { target: 53, published: "53", protocol: "udp", host_ip: "127.0.0.1" },
      { target: 81, published: "82" },
      { target: 9000, protocol: "tcp" },
      { target: 1, published: "8000-8010" },
    ];
    assert.deepEqual(readService({ ports }).published, [
      { port: 8080, protocol: "tcp" },
      { port: 53, protocol: "udp", hostIp: "127.0.0.1" },
      { port: 82, protocol: "tcp" },
    ]);
  });

  const port = (published: string, host_ip = "", protocol = "tcp") => ({
    target: 80,
    published,
    host_ip,
    protocol,
  });
  const readBoth = (a: object, b: object) => read({ a: { ports: [a] }, b: { ports: [b] } });
  for (const [a, b] of [
    ["", ""],
    ["", "127.0.0.1"],
    ["0.0.0.0", ""],
    ["0.0.0.0", "10.0.0.1"],
    ["::1", "::"],
    ["10.0.0.1", "10.0.0.1"],
  ] as const) {
    it(`cannot be published by two services at the addresses "${a}" and "${b}"`, () => {
      assert.throws(
        () => readBoth(port("80", a), port("80", b)),
        new Problems(["services.b.ports: port 80 is published by a as well; publish another port"]),
      );
    });
  }

  for (const [a, b] of [
    ["10.0.0.1", "10.0.0.2"],
    ["0.0.0.0", "::"],
    ["::1", "127.0.0.1"],
  ] as const) {
    it(`can be published by two services at the addresses "${a}" and "${b}"`, () => {
      assert.doesNotThrow(() => readBoth(port("80", a), port("80", b)));
    });
  }

  it("can be published by two services with different protocols", () => {
    assert.doesNotThrow(() => readBoth(port("80"), port("80", "", "udp")));
  });

  it("can be published by two services if both name a range, from which docker chooses", () => {
    assert.doesNotThrow(() => readBoth(port("80-90"), port("80-90")));
  });

  for (const unpublished of [{ scale: 0 }, { deploy: { replicas: 0 } }, { network_mode: "host" }]) {
    it(`is not occupied by a service with ${JSON.stringify(unpublished)}`, () => {
      const ports = [port("80")];
      assert.doesNotThrow(() => read({ a: { ports }, b: { ports, ...unpublished } }));
      assert.doesNotThrow(() => read({ a: { ports, ...unpublished }, b: { ports } }));
    });
  }

  it("cannot be published by two containers of one service", () => {
    assertRefused(
      [
        "services.web.ports: 2 containers cannot publish the same port 80; publish it from a proxy in front of them, or run one container",
      ],
      { deploy: { replicas: 2 }, ports: [port("80")] },
    );
  });
});
