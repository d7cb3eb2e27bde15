import assert from "node:assert/strict";
import { formOf, report } from "./report";

const refused = (project: string, ...problems: string[]) => ({
  project,
  outcome: { kind: "refused" as const, problems },
});

describe("the report on many projects", () => {
  it("groups lines that differ only in names, paths and numbers as one reason", () => {
    const lines = [
      "services.web.volumes (/app): ./src is mounted; move it",
      "services.shop.api.volumes (/code): . is mounted; move that",
      "services.db.volumes (/var/lib): ../a/b is mounted; move it",
    ];
    assert.deepEqual([...new Set(lines.map(formOf))], ["services.*.volumes: … is mounted"]);
    const ports = [
      "services.a.ports: port 80 is published by b as well; x",
      "services.c.ports: port 81 is published by d as well; x",
    ];
    assert.equal(new Set(ports.map(formOf)).size, 1);
    assert.notEqual(formOf("secrets.a: is not set; x"), formOf("configs.a: is not set; x"));
  });

  it("counts a project once for each reason, the most frequent reason first", () => {
    const {
      refused: found,
      projects,
      accepted,
    } = report([
      refused("one", "services.a.ports: is taken; x"),
      refused("two", "services.a.volumes: is missing; x", "services.b.volumes: is missing; x"),
      refused("three", "services.c.volumes: is missing; x"),
      { project: "four", outcome: { kind: "accepted", rendering: {} } },
    ]);
    assert.deepEqual([projects, accepted, found.projects], [4, 1, 3]);
    assert.deepEqual(
      found.reasons.map(({ reason, projects }) => [reason, projects]),
      [
        ["services.*.volumes: is missing", 2],
        ["services.*.ports: is taken", 1],
      ],
    );
  });
});
