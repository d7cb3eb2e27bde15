import assert from "node:assert/strict";
import { parse } from "yaml";
import { printed } from "../../support/compose";
import { deployed, refused, run, shop, useShop } from "./shop";

describe("the program, with a build's secret from a variable", () => {
  useShop();
  let value: string | undefined;
  beforeEach(() => {
    value = undefined;
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, ...text } = compose();
      const project = parse(resolved);
      project.services.web.build.secrets = [{ source: "npm" }];
      project.secrets = { npm: { environment: "EVERFRESH_TEST_TOKEN" } };
      const fromEnvFile: Record<string, string> = value === undefined ? {} : { EVERFRESH_TEST_TOKEN: value };
      return { ...text, ...printed(project, parse(text.written)), fromEnvFile };
    };
  });

  it("refuses to build without the secret's value, in preview as in `up`", async () => {
    for (const preview of [true, false])
      await refused(
        run({}, { preview }),
        "services.web.build.secrets: the variable EVERFRESH_TEST_TOKEN is not set; set it where `pulumi up` runs, or in the env file",
      );
    value = "s3cret";
    deployed(await run());
    value = undefined;
    await run();
  });

  it("keeps the secret's value out of the graph, and does not build again when it changes", async () => {
    value = "s3cret";
    const first = await run();
    assert.doesNotMatch(JSON.stringify(first.resources), /s3cret/);
    deployed(first);
    value = "another";
    const again = await run();
    assert.deepEqual(again.result, first.result);
  });
});
