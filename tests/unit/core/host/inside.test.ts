import assert from "node:assert/strict";
import { type Inside, parseInside } from "../../../../core/host/inside";

const id = "a".repeat(64);
const other = "b".repeat(64);
const fact = (members: object) =>
  `inside ${JSON.stringify({ id, content: null, mounts: [], tmpfs: null, ...members })}`;
const changed = (...lines: string[]) => lines.map((line) => `changed|${id}|${line}`);
const changes = (lines: string[], members: object = {}) =>
  parseInside([fact(members), ...changed(...lines)])
    .get(id)!
    .changes.map(({ change, path }) => `${change} ${path}`);

describe("what differs inside a container", () => {
  const cases: [string, string[], object, string[]][] = [
    [
      "is each file, without the folders above it",
      ["C /www", "C /www/a", "A /www/new", "A /www/new/b", "D /www/c"],
      {},
      ["changed /www/a", "deleted /www/c", "added /www/new/b"],
    ],
    ["is a folder if nothing is in it", ["A /run/empty"], {}, ["added /run/empty"]],
    [
      "is not where something is mounted, nor above",
      ["A /srv", "A /srv/data", "A /tm", "C /etc", "C /etc/app.conf"],
      { mounts: [{ Destination: "/srv/data" }, { Destination: "/etc/app.conf" }], tmpfs: { "/tm": "" } },
      [],
    ],
    ["is a deleted folder too", ["D /www", "D /www/a"], {}, ["deleted /www", "deleted /www/a"]],
    ["is nothing that is not in docker's form", ["X /a", "A b", "", "A /a|b"], {}, ["added /a|b"]],
  ];
  for (const [obligation, lines, members, expected] of cases)
    it(obligation, () => assert.deepEqual(changes(lines, members), expected));

  it("is told apart by container, and damaged lines are left out", () => {
    const found = parseInside([
      "inside {",
      fact({ content: "c".repeat(64) }),
      `changed|${other}|A /x`,
      `inside {"id":"${other}"}`,
      ...changed("A /y"),
    ]);
    assert.deepEqual(found.get(id), {
      content: "c".repeat(64),
      changes: [{ path: "/y", change: "added" }],
      mounts: [],
    } satisfies Inside);
    assert.deepEqual(found.get(other), { changes: [{ path: "/x", change: "added" }], mounts: [] });
    assert.equal(found.size, 2);
  });

  it("lists what is mounted by its name or its place on the host, each path once", () => {
    const mounts = [
      { Type: "volume", Name: "kept", Source: "/var/lib/docker/x", Destination: "/data" },
      { Type: "bind", Source: "/srv/a", Destination: "/a" },
      { Type: "tmpfs", Destination: "/tm" },
    ];
    assert.deepEqual(parseInside([fact({ mounts, tmpfs: { "/tm": "" } })]).get(id)!.mounts, [
      { path: "/a", type: "bind", source: "/srv/a" },
      { path: "/data", type: "volume", source: "kept" },
      { path: "/tm", type: "tmpfs" },
    ]);
  });
});
