import assert from "node:assert/strict";
import { stringify } from "yaml";
import { quote } from "../../../core/quote";
import { named, reveal } from "../../support/graph";
import { container, empty } from "../../unit/core/host/states";
import { programOf, type Run, run, shop, useShop } from "./shop";

describe("the program, with `strategy: start-first`", () => {
  useShop();
  const startFirst = { strategy: "start-first" };

  /** Changes the service `redis` of the compose file. */
  function change(options: object): void {
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const text = compose();
      const edit = (document: { services: { redis: object } }) => {
        Object.assign(document.services.redis, options);
        return document;
      };
      const exact = edit(JSON.parse(text.exact));
      return { ...text, exact: JSON.stringify(exact), resolved: stringify(exact) };
    };
  }
  const healthcheck = { test: ["CMD", "redis-cli", "ping"] };
  const lineOf = (declared: Run) => /^redis\|.*$/m.exec(programOf(declared))![0];
  const keepers = (declared: Run) =>
    reveal(named(declared, "release-id").inputs.keepers) as Record<string, string>;
  const notes = ({ log }: Run) =>
    log
      .map(({ message }) => message)
      .filter((message) => /^\w+: is recreated, not started first: /.test(message));

  it("tells the hosts which services start first, and how", async () => {
    const drain = { command: ["redis-cli", "it's over"], seconds: 3 };
    change({ healthcheck, "x-everfresh": { drain } });
    const before = await run();
    assert.match(lineOf(before), /\|$/);
    const declared = await run(startFirst);
    assert.equal(lineOf(declared), `${lineOf(before)}|start-first`);
    assert.ok(
      programOf(declared).includes(`${["drain", "redis", "3", ...drain.command].map(quote).join(" ")}\n`),
    );
    const changed = Object.entries(keepers(declared)).filter(
      ([key, value]) => keepers(before)[key] !== value,
    );
    assert.deepEqual(
      changed.map(([key]) => key),
      ["compose file"],
    );
  });

  it("tells the hosts what runs before and after a release, and says it in a preview", async () => {
    const before = await run();
    change({
      "x-everfresh": {
        before: { command: ["redis-cli", "it's coming"], exec: true, seconds: 5 },
        after: { command: ["warm", "up"] },
      },
    });
    const declared = await run();
    const lines = [
      ["before", "redis", "5", "exec", "redis-cli", "it's coming"],
      ["after", "redis", "600", "run", "warm", "up"],
    ];
    for (const line of lines) assert.ok(programOf(declared).includes(`${line.map(quote).join(" ")}\n`));
    assert.notEqual(keepers(declared)["compose file"], keepers(before)["compose file"]);
    const said = (await run({}, { preview: true })).log.map(({ message }) => message);
    assert.ok(
      said.includes(
        "redis: before a new release changes anything, `redis-cli it's coming` runs in an old container, at most 5 s",
      ),
      said.join("\n"),
    );
    assert.ok(
      said.includes(
        "redis: after a new release has been proved, `warm up` runs in a container of its own, at most 600 s",
      ),
    );
  });

  it("is not noticed by hosts where no service can start first", async () => {
    const [before, declared] = [await run(), await run(startFirst)];
    assert.deepEqual(keepers(declared), keepers(before));
    assert.equal(programOf(declared), programOf(before));
  });

  it("says in a preview which services are recreated, why, and what to change", async () => {
    const why = (await run(startFirst, { preview: true })).log.map(({ message }) => message);
    assert.ok(
      why.includes(
        "web: is recreated, not started first: only one container can have port 8080 of the host; put a proxy in front of it that publishes the port (docs/rollouts.md has complete examples)",
      ),
      why.join("\n"),
    );
    assert.deepEqual(notes(await run(startFirst)), [], "`up` repeats what its preview has said");
    assert.deepEqual(notes(await run({}, { preview: true })), []);
    change({ "x-everfresh": { strategy: "start-first" } });
    assert.equal(notes(await run()).length, 1, "a service that asked for it is not told");
  });

  it("says in a preview which services a host will recreate", async () => {
    change({ healthcheck });
    const containers = [container("redis", { hasAnonymousVolume: true })];
    shop.outside.host = () => ({ ...empty(), containers });
    const told = async (world: object) =>
      notes(await run(startFirst, world)).filter((note) => note.startsWith("redis: "));
    const why = "it has data in an anonymous volume; give the volume a name";
    assert.deepEqual(await told({ preview: true }), [`redis: is recreated, not started first: ${why}`]);
    assert.deepEqual(await told({}), [], "`up` repeats what its preview has said");
  });
});
