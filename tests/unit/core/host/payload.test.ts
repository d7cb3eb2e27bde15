import assert from "node:assert/strict";
import { networkLines, portLines, volumeLines } from "../../../../core/host/payload";

/** What `check_ports` and `check_kept` of the host's program read. */
describe("lines for the host's program", () => {
  it("name each port once", () => {
    const port = { protocol: "tcp" as const, first: 80, last: 80, address: "" };
    const local = { protocol: "udp" as const, first: 53, last: 60, address: "127.0.0.1" };
    assert.deepEqual(portLines({ ports: [port, local, port] }), ["tcp|80|80|", "udp|53|60|127.0.0.1"]);
  });

  it("say whether a network is external, or which definition it has", () => {
    const networks = [
      { name: "a", external: true },
      { name: "b", external: false, definition: "abc" },
      { name: "c", external: false },
    ];
    assert.deepEqual(networkLines({ networks }), ["a|external", "b|abc", "c|"]);
  });

  it("list a volume's options as docker's template prints them, sorted", () => {
    const options = { o: "a b/c:d@e!'()*+%\u00fc~", device: 1 };
    const volumes = [
      { name: "shop_plain", external: false, driver: "local", options: {} },
      { name: "shop_odd", external: false, driver: "nfs", options },
      { name: "elsewhere", external: true, driver: "local", options: {} },
    ];
    assert.deepEqual(volumeLines({ volumes }), [
      "shop_plain|local|",
      "shop_odd|nfs|device=1 o=a+b/c:d@e%21%27%28%29%2A%2B%25%C3%BC~ ",
      "elsewhere|external",
    ]);
  });

  it("leave out a volume whose name does not fit in a line", () => {
    const volumes = [{ name: "a|b", external: false, driver: "local", options: {} }];
    assert.deepEqual(volumeLines({ volumes }), []);
  });
});
