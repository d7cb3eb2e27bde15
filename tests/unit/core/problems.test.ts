import assert from "node:assert/strict";
import { allOrEveryProblem, Problems, problem, refuse } from "../../../core/problems";

describe("problem", () => {
  it("says where, what is wrong and what to do", () => {
    assert.equal(problem("a", "is wrong", "fix it"), "a: is wrong; fix it");
  });
});

describe("Problems", () => {
  it("lists each problem once, one per line", () => {
    const error = new Problems(["b", "a", "b"]);
    assert.deepEqual(error.problems, ["b", "a"]);
    assert.equal(error.message, "b\na");
  });
});

describe("refuse", () => {
  it("throws only when there is a problem", () => {
    refuse([]);
    assert.throws(() => refuse(["a"]), new Problems(["a"]));
  });
});

describe("allOrEveryProblem", () => {
  it("returns all values in order", async () => {
    const later = new Promise<number>((resolve) => setImmediate(resolve, 1));
    assert.deepEqual(await allOrEveryProblem([later, Promise.resolve("b")]), [1, "b"]);
  });

  it("waits for all promises, and lists the problems of all in order", async () => {
    const late = new Promise((_, reject) => setImmediate(reject, new Problems(["late"])));
    await assert.rejects(
      allOrEveryProblem([late, Promise.reject(new Problems(["soon", "late"])), Promise.resolve()]),
      new Problems(["late", "soon"]),
    );
  });

  it("passes any other error on unchanged", async () => {
    const defect = new TypeError("x");
    await assert.rejects(
      allOrEveryProblem([Promise.reject(new Problems(["a"])), Promise.reject(defect)]),
      (error) => error === defect,
    );
  });
});
