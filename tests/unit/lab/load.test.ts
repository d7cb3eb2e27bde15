import assert from "node:assert/strict";
import { type Hit, reportOn, startLoad } from "../../../lab/load";

const hit = (at: number, more: Partial<Hit> = {}): Hit => ({
  stream: "kept",
  at,
  took: 10,
  status: 200,
  error: "",
  body: "1",
  ...more,
});

describe("the report on a load", () => {
  it("counts every request, and those that failed, in its time slice", () => {
    const failed = hit(2_500, { status: 0, error: "connection refused", body: "" });
    const { requests, failures, slices } = reportOn([failed, hit(1_000), hit(2_600), hit(1_900)], 1000);
    assert.equal(requests, 4);
    assert.deepEqual(failures, [failed]);
    assert.deepEqual(
      slices.map(({ from, requests, failures }) => [from, requests, failures]),
      [
        [0, 2, 0],
        [1000, 2, 1],
      ],
    );
  });

  it("says which version answered when, and takes no failure for a version", () => {
    const failed = hit(1, { status: 503, error: "503 Service Unavailable", body: "down" });
    const { slices } = reportOn([hit(0), failed, hit(10), hit(1_000, { body: "2" })], 1000);
    assert.deepEqual(
      slices.map(({ versions }) => versions),
      [{ 1: 2 }, { 2: 1 }],
    );
  });

  it("measures the latencies of short requests only", () => {
    const short = Array.from({ length: 100 }, (_, index) => hit(index, { took: index + 1 }));
    const { p50, p99 } = reportOn([...short, hit(50, { stream: "slow", took: 2_000 })], 1000);
    assert.deepEqual([p50, p99], [50, 99]);
  });

  it("is empty when nothing was sent", () => {
    assert.deepEqual(reportOn([], 1000), {
      hits: [],
      failures: [],
      requests: 0,
      p50: 0,
      p99: 0,
      slices: [],
    });
  });
});

describe("a load", () => {
  it("refuses a rate that leaves a stream without requests", async () => {
    await assert.rejects(
      startLoad("http://127.0.0.1:1", { rate: 9 }),
      /^RangeError: load: .* use 10 or more$/,
    );
  });
});
