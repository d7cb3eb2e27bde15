import assert from "node:assert/strict";
import { Problems } from "../../../core/problems";
import { refuseEnvironment } from "../../../preflight/environment";

describe("refuseEnvironment", () => {
  const refusal = (environment: NodeJS.ProcessEnv) => {
    try {
      refuseEnvironment(environment);
    } catch (error) {
      assert.ok(error instanceof Problems);
      return error.problems;
    }
    return [];
  };

  it("accepts an environment that does not change what is built", () => {
    assert.deepEqual(refusal({}), []);
    assert.deepEqual(refusal({ DOCKER_BUILDKIT: "1", EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: "" }), []);
    assert.deepEqual(refusal({ DOCKER_BUILDKIT: "" }), []);
  });

  for (const value of ["0", "f", "false", "False", "FALSE"]) {
    it(`refuses the builder without BuildKit, DOCKER_BUILDKIT=${value}`, () => {
      assert.match(refusal({ DOCKER_BUILDKIT: value }).join(), /^DOCKER_BUILDKIT: .+; unset it$/);
    });
  }

  it("refuses a policy that replaces base images, and reports all problems at once", () => {
    const policy = { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: "/policy.json" };
    assert.match(refusal(policy).join(), /^EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: .+; unset it.*$/);
    assert.equal(refusal({ ...policy, DOCKER_BUILDKIT: "0" }).length, 2);
  });
});
