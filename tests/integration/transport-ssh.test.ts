import assert from "node:assert/strict";
import { engine } from "../../lab/faults";
import type { Lab } from "../../lab/lab";
import { freePorts } from "../../lab/ports";
import { lab as sharedLab } from "../support/lab";
import { TestStack } from "../support/stack";

describe("transport: ssh", function () {
  this.timeout(600_000);
  let lab: Lab;
  let stack: TestStack;

  before(async () => {
    lab = await sharedLab();
    const [port] = await freePorts(1);
    stack = await TestStack.create(lab, { localRegistry: `127.0.0.1:${port}` });
    console.log((await stack.mustUp()).output);
  });
  after(() => stack?.[Symbol.asyncDispose]());

  it("deploys without a registry", async () => {
    assert.equal(await stack.page(), "<h1>first</h1>");
    console.log(await engine(stack.host, "images", "--digests"), await engine(stack.host, "ps"));
    console.log(await stack.outputs());
  });
});
