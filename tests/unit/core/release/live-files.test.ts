import assert from "node:assert/strict";
import { liveFileOf } from "../../../../core/release/live-files";
import { folder, type Node, read } from "../compose/read";

const reload = { check: ["nginx", "-t"], command: ["nginx", "-s", "reload"] };
const conf = { type: "bind", source: `${folder}/nginx.conf`, target: "/etc/nginx/nginx.conf" };
const proxy = (node: Node = {}): Node => ({
  image: "nginx:1",
  volumes: [conf],
  "x-everfresh": { reload },
  ...node,
});

/** Where the first file of a project lies on hosts, and for whom. */
function live(services: Record<string, Node>, more: Node = {}) {
  const written = JSON.parse(JSON.stringify(services).replaceAll(`${folder}/`, "./"));
  const project = read(services, more, written);
  return liveFileOf(project.files[0]!, project);
}

describe("liveFileOf", () => {
  it("gives a file of a service that reloads a path that depends on where it is mounted, not on this machine", () => {
    const found = live({ proxy: proxy() });
    assert.match(found!.path, /^live\/[0-9a-f]{16}\/nginx\.conf$/);
    assert.deepEqual(found!.services, ["proxy"]);
    const moved = live({
      proxy: proxy({ volumes: [{ ...conf, source: `${folder}/elsewhere/nginx.conf` }] }),
    });
    assert.deepEqual(moved, found);
    const other = live({ proxy: proxy({ volumes: [{ ...conf, target: "/etc/other" }] }) });
    assert.notDeepEqual(other, found);
  });

  it("counts configs and secrets", () => {
    const uses = { volumes: [], configs: [{ source: "site", target: "/site" }] };
    const configs = { site: { file: `${folder}/site` } };
    assert.match(live({ proxy: proxy(uses) }, { configs })!.path, /\/site$/);
  });

  it("leaves out what only a new container can get", () => {
    assert.equal(live({ proxy: proxy({ "x-everfresh": {} }) }), undefined);
    assert.equal(live({ proxy: proxy(), api: proxy({ "x-everfresh": {} }) }), undefined);
    const owned = { volumes: [], configs: [{ source: "site", target: "/site", uid: "33" }] };
    assert.equal(live({ proxy: proxy(owned) }, { configs: { site: { content: "text" } } }), undefined);
    const profile = { volumes: [], security_opt: ["seccomp=./profile.json"] };
    assert.equal(live({ proxy: proxy(profile) }), undefined);
  });
});
