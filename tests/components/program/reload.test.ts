import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { quote } from "../../../core/quote";
import { named, reveal } from "../../support/graph";
import { programOf, type Run, run, shop, useShop } from "./shop";

describe("the program, for a service that reloads", () => {
  useShop();
  const reload = { check: ["nginx", "-t"], command: ["nginx", "-s", "it's new"], seconds: 5 };

  beforeEach(() => {
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const text = compose();
      const document = JSON.parse(text.exact);
      document.services.api["x-everfresh"] = { reload };
      return { ...text, exact: JSON.stringify(document), resolved: stringify(document) };
    };
  });
  const keepers = (declared: Run) =>
    reveal(named(declared, "release-id").inputs.keepers) as Record<string, string>;
  const sources = (declared: Run) =>
    [...programOf(declared).matchAll(/"source": "(\S+)"/g)].map((match) => match[1]!);

  it("sends one compose file with a path that stays, and one to check the new file with", async () => {
    const declared = await run();
    const [live, stored] = sources(declared);
    assert.match(live!, /^\.\/live\/[0-9a-f]{16}\/conf$/);
    assert.match(stored!, /^\.\/store\/[0-9a-f]{64}\/conf$/);
    const lines = [
      ["check_files", "api", "5", ...reload.check],
      ["reload", "api", "5", ...reload.command],
      ["live", stored!.split("/")[2]!, live!.slice(2), "api"],
    ];
    // The host recreates a container that cannot see the file any more by this fingerprint.
    assert.ok(/api\|.*/.exec(programOf(declared))![0].includes(stored!.split("/")[2]!));
    for (const line of lines) assert.ok(programOf(declared).includes(`${line.map(quote).join(" ")}\n`));
  });

  it("makes a new release of a changed file, at the same path", async () => {
    const before = await run();
    writeFileSync(path.join(shop.folder, "conf"), "level = 2\n");
    const after = await run();
    assert.deepEqual(
      Object.keys(keepers(after)).filter((key) => keepers(after)[key] !== keepers(before)[key]),
      ["services.api.volumes (/etc/conf)"],
    );
    assert.equal(sources(after)[0], sources(before)[0]);
    assert.notEqual(sources(after)[1], sources(before)[1]);
  });

  it("says in a preview how it takes new files", async () => {
    const said = (await run({}, { preview: true })).log.map(({ message }) => message);
    assert.ok(
      said.includes(
        "api: if only its files change, it is not recreated: `nginx -t` checks them, then `nginx -s it's new` reloads them",
      ),
      said.join("\n"),
    );
  });
});
