import assert from "node:assert/strict";
import { parse } from "yaml";
import { imageVolumeLabel } from "../../../../core/compose/image-volumes";
import type { ComposeProject } from "../../../../core/compose/project";
import { readProject } from "../../../../core/compose/read-project";
import { renderCompose } from "../../../../core/compose/render";
import { Problems } from "../../../../core/problems";
import { printed } from "../../../support/compose";

type Node = Record<string, unknown>;
interface Volume {
  type: string;
  source?: string;
  target: string;
  volume?: { nocopy?: boolean };
}

const site = { type: "volume", source: "site", target: "/www" };
const follows = (...names: string[]) => ({
  "x-everfresh": { volumes: Object.fromEntries(names.map((name) => [name, "image"])) },
});

function read(services: Node, volumes: Node = { site: { name: "shop_site" } }): ComposeProject {
  return readProject({
    ...printed({ name: "shop", services, volumes }),
    folder: "/srv/shop",
    environment: {},
  });
}
function render(project: ComposeProject, digest: string) {
  const images = { web: `registry/shop-web@sha256:${digest.repeat(64)}` };
  return parse(renderCompose(project, { images, files: new Map() })) as {
    services: Record<string, { volumes: Volume[]; labels?: Record<string, string> }>;
    volumes: Record<string, { name: string; labels: Record<string, string> }>;
  };
}
const refused = (line: string, services: Node, volumes?: Node) =>
  assert.throws(() => read(services, volumes), new Problems([line]));

describe("a volume of x-everfresh.volumes", () => {
  const web = { image: "web", volumes: [site], ...follows("site") };
  const front = { image: "nginx", volumes: [{ ...site, target: "/usr/share/nginx/html", read_only: true }] };

  it("is a new one with a new image, and stays the same with the same image", () => {
    const project = read({ web, front });
    const [a, again, b] = ["a", "a", "b"].map((digest) => render(project, digest));
    assert.match(a!.volumes.site!.name, /^shop_site-[0-9a-f]{12}$/);
    assert.deepEqual(a!.volumes.site!.labels, { [imageVolumeLabel]: "web" });
    assert.equal(again!.volumes.site!.name, a!.volumes.site!.name);
    assert.notEqual(b!.volumes.site!.name, a!.volumes.site!.name);
  });

  it("is filled only by its own service, and recreates all services that mount it", () => {
    const project = read({ web, front });
    const [a, b] = ["a", "b"].map((digest) => render(project, digest).services);
    assert.equal(a!.web!.volumes[0]!.volume?.nocopy, undefined);
    assert.equal(a!.front!.volumes[0]!.volume?.nocopy, true);
    for (const service of ["web", "front"])
      assert.notDeepEqual(a![service]!.labels, b![service]!.labels, service);
  });

  it("may be anonymous, or declared only by the image", () => {
    const anonymous = read(
      { web: { image: "web", volumes: [{ type: "volume", target: "/a" }], ...follows("/a", "/b") } },
      {},
    );
    const { services, volumes } = render(anonymous, "a");
    const [a, b] = services.web!.volumes;
    assert.deepEqual([a!.target, b!.target], ["/a", "/b"]);
    for (const { type, source } of [a!, b!]) {
      assert.equal(type, "volume");
      assert.match(volumes[source!]!.name, /^shop_web-[0-9a-f]{8}-[0-9a-f]{12}$/);
    }
  });

  it("is refused if it cannot be recreated", () => {
    const where = "services.web.x-everfresh.volumes";
    refused(
      `${where}.nothing: is not a volume that the service mounts; name one of its \`volumes:\`, or a path in the container`,
      {
        web: { ...web, ...follows("nothing") },
      },
    );
    refused(`${where}./etc/conf: is a mount of type bind; name a volume`, {
      web: {
        image: "web",
        volumes: [{ type: "bind", source: "/etc/conf", target: "/etc/conf" }],
        ...follows("/etc/conf"),
      },
    });
    refused(
      `${where}.site: is an external volume; let compose create it, or leave it out`,
      { web },
      { site: { name: "site", external: true } },
    );
    refused(
      "services.worker.x-everfresh.volumes.site: already belongs to the image of web; remove it from one of the two",
      {
        web,
        worker: web,
      },
    );
    refused(`${where}.site: must be \`image\`; see docs/configuration.md`, {
      web: { ...web, "x-everfresh": { volumes: { site: "host" } } },
    });
  });
});
