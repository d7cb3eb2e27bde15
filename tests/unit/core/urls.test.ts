import assert from "node:assert/strict";
import type { ComposeProject, ComposeService } from "../../../core/compose/project";
import type { Host } from "../../../core/settings";
import { publishedUrls } from "../../../core/urls";

const urls = (published: ComposeService["published"], ...addresses: string[]) =>
  publishedUrls(
    { services: [{ published: [] }, { published }] } as unknown as ComposeProject,
    addresses.map((address) => ({ address }) as Host),
  );

describe("publishedUrls", () => {
  it("names each published port once, in order", () => {
    const published = [8080, 80, 443, 8080].map((port) => ({ port, protocol: "tcp" }));
    assert.deepEqual(urls(published, "h"), ["http://h", "https://h", "http://h:8080"]);
  });

  it("names every host", () => {
    assert.deepEqual(urls([{ port: 80, protocol: "tcp" }], "a", "b"), ["http://a", "http://b"]);
  });

  it("puts an IPv6 address in brackets", () => {
    assert.deepEqual(urls([{ port: 8080, protocol: "tcp" }], "2001:db8::1"), ["http://[2001:db8::1]:8080"]);
  });

  it("leaves out ports that only the host itself can reach, and ports that are not TCP", () => {
    const local = ["127.0.0.1", "127.0.1.1", "::1", "localhost"].map((hostIp) => ({
      port: 1,
      hostIp,
      protocol: "tcp",
    }));
    assert.deepEqual(urls([...local, { port: 53, protocol: "udp" }], "h"), []);
    assert.deepEqual(urls([{ port: 81, hostIp: "0.0.0.0", protocol: "tcp" }], "h"), ["http://h:81"]);
  });
});
