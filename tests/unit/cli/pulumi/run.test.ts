import assert from "node:assert/strict";
import { pulumiProblem } from "../../../../cli/pulumi/run";

describe("pulumi's message when it fails", () => {
  it("is shown with what to do", () => {
    assert.equal(
      pulumiProblem(["config", "--json"], "error: no stack selected"),
      "pulumi config: no stack selected; name one with --stack, select one with `pulumi stack select`, or make one with `everfresh init`",
    );
  });

  it("is shown without its quotes from a file that pulumi cannot read", () => {
    const said =
      "error: getting stack configuration: invalid YAML file: could not unmarshal map: yaml: unmarshal errors:\n  line 7: cannot unmarshal !!str `hunter2` into map[string]config.Value";
    assert.equal(
      pulumiProblem(["config"], said),
      "pulumi config: getting stack configuration: invalid YAML file: could not unmarshal map: yaml: line 7; run the same command with plain pulumi to see more",
    );
    assert.doesNotMatch(pulumiProblem(["config"], "error: yaml: found hunter2"), /hunter2/);
  });
});
