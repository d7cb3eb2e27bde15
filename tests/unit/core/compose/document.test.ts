import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { Problems } from "../../../../core/problems";
import { scalarForms } from "../../../support/scalar-forms";
import { folder, inProjectFolder, read, write } from "../../adapters/compose-project";

describe("readDocument", function () {
  this.timeout(60_000);
  inProjectFolder();

  it("rejects output of compose that is not YAML", async () => {
    const environment = 'environment: { A: "\\u2028 a\\nb" }';
    const file = await write({ "compose.yaml": `services: { web: { image: a, ${environment} } }` });
    await assert.rejects(read(file), (error) => {
      assert.ok(error instanceof Problems, String(error));
      assert.match(
        error.message,
        /^the compose file: .*line \d+\); remove the odd character that a text in it begins with/s,
      );
      return true;
    });
  });

  it("keeps a string in x-everfresh that looks like a number, and rejects a number", async () => {
    const verify = (...bodies: string[]) => {
      const services = bodies.map(
        (body, i) =>
          `s${i}: { image: a, x-everfresh: { verify: { http: { port: 80, path: /, body: ${body} } } } }`,
      );
      return write({ "compose.yaml": `services: { ${services.join(", ")} }` });
    };
    const written = scalarForms.map((text) => JSON.stringify(text.replaceAll("$", "$$$$")));
    const { services } = await read(await verify(...written));
    for (const [i, text] of scalarForms.entries()) {
      const { verify } = services.find(({ name }) => name === `s${i}`)!;
      assert.deepEqual(verify, [{ kind: "http", port: 80, path: "/", status: 200, body: text }]);
    }
    await assert.rejects(
      read(await verify("0x10")),
      new Problems(["services.s0.x-everfresh.verify.http.body: must be a string; see docs/configuration.md"]),
    );
    await assert.rejects(
      read(await verify('"\\na"')),
      /^Problems: services\.s0\.x-everfresh: has a text that begins with a blank or a line break, or /,
    );
  });

  it("names each value that is not UTF-8, wherever it comes from", async () => {
    const file = await write({
      "compose.yaml": "services: { web: { image: a, env_file: latin1.env, labels: { A: $A } } }",
    });
    await writeFile(path.join(folder, "latin1.env"), Buffer.from("B=caf\xe9\n", "latin1"));
    await writeFile(path.join(folder, ".env.deploy"), Buffer.from("A=caf\xe9\n", "latin1"));
    await assert.rejects(
      read(file),
      new Problems(
        ["services.web.environment.B", "services.web.labels.A"].map(
          (where) => `${where}: has bytes that are not UTF-8; write it in UTF-8, or in base64`,
        ),
      ),
    );
  });
});
