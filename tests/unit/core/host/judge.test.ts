import assert from "node:assert/strict";
import fc from "fast-check";
import { judge } from "../../../../core/host/judge";
import type { HostState } from "../../../../core/host/types";
import { calm, container, empty, OTHER_DIGEST, withContainer } from "./states";

const imageOf = (letter: string) => `sha256:${letter.repeat(64)}`;

describe("judge", () => {
  it("returns the stored token while nothing has drifted", () => {
    assert.deepEqual(judge(calm()), { token: "calm", drift: [], notes: [] });
  });

  const drifts: [string, HostState, RegExp][] = [
    ["a missing container", withContainer("web", undefined), /^web is missing$/],
    [
      "another image",
      withContainer("web", { imageId: imageOf("f"), digests: [OTHER_DIGEST] }),
      /^web runs another image \(sha256:f{12}, since 2026-03-01T10:00:00Z\)$/,
    ],
    ["an image without a digest", withContainer("web", { digests: [] }), /^web runs another image/],
    [
      "another image of a service that is not built",
      withContainer("db", { imageId: imageOf("f") }),
      /^db runs another image/,
    ],
    [
      "a hand-edited configuration",
      withContainer("web", { configHash: "x" }),
      /^web was started with another configuration/,
    ],
    [
      "a stopped container",
      withContainer("web", { state: "exited", exitCode: 137 }),
      /^web is exited with status 137$/,
    ],
    ["a paused container", withContainer("db", { state: "paused" }), /^db is paused$/],
    [
      "a service that is not the release's",
      calm({ containers: [...calm().containers, container("shell")] }),
      /^shell is not part of the release$/,
    ],
    [
      "a name of several lines",
      calm({ containers: [...calm().containers, container("a\nb\u2028")] }),
      /^a\?b\? is not part of the release$/,
    ],
    [
      "a second container",
      calm({ containers: [...calm().containers, container("web")] }),
      /^web has 2 containers instead of 1$/,
    ],
    [
      "a tampered file",
      calm({ tampered: ["edge/haproxy.cfg"] }),
      /^edge\/haproxy.cfg was changed on the host$/,
    ],
    [
      "a deployment that was cut off",
      calm({ unfinished: { release: "r2", since: "2026-03-02T10:00:00Z", who: "bob", locked: false } }),
      /^deployment of r2 by bob was cut off \(2026-03-02T10:00:00Z\)$/,
    ],
    ["an empty host", empty(), /^nothing is deployed$/],
  ];
  for (const [name, state, text] of drifts) {
    it(`names ${name} as drift, with another token`, () => {
      const { drift, token } = judge(state);
      assert.equal(drift.length, 1);
      assert.match(drift[0]!, text);
      assert.notEqual(token, state.token);
      assert.ok(token.includes(drift[0]!), token);
      assert.doesNotMatch(token, /[\p{Cc}\u2028\u2029]/u);
    });
  }

  it("names all drift at once", () => {
    const { drift, token } = judge({ ...withContainer("web", undefined), tampered: ["a"] });
    assert.deepEqual(drift, ["a was changed on the host", "web is missing"]);
    // Exactly this one: `up` has to give the same state the token that preview gave it.
    assert.equal(token, "drift: a was changed on the host, web is missing (after bccb77ed)");
  });

  it("reports an unhealthy or restarting container as a note, not as drift", () => {
    const unhealthy = judge(withContainer("web", { health: "unhealthy" }));
    assert.deepEqual(unhealthy, { token: "calm", drift: [], notes: ["web is unhealthy"] });
    const restarting = judge(withContainer("web", { state: "restarting", exitCode: 3, restarts: 7 }));
    assert.deepEqual(restarting.drift, []);
    assert.deepEqual(restarting.notes, ["web is restarting (exit status 3, 7 times)"]);
  });

  it("treats a renamed host as drift, because the old name's teardown is still to come", () => {
    const state = { ...calm(), host: "web1" };
    assert.deepEqual(judge(state, { host: "web1" }).drift, []);
    assert.deepEqual(judge(state, { host: "prod1" }).drift, ["it was deployed as host web1"]);
    assert.deepEqual(judge(calm(), { host: "prod1" }).drift, []);
  });

  it("treats a deployment under way as drift, because it may end with another release", () => {
    const holder = { release: "r2", since: "2026-03-02T10:00:00Z", who: "bob", from: "desk" };
    const { drift, token, notes } = judge({
      ...withContainer("web", undefined),
      holder,
      unfinished: { ...holder, locked: true },
    });
    assert.deepEqual(drift, ["deployment of r2 is under way"]);
    assert.match(token, /^drift: deployment of r2 is under way/);
    assert.deepEqual(notes, ["bob on desk has been deploying r2 since 2026-03-02T10:00:00Z"]);
  });

  it("finds no drift when docker does not answer", () => {
    const { drift, token, notes } = judge({ ...calm({ containers: [] }), engineError: "Cannot connect" });
    assert.deepEqual(drift, []);
    assert.equal(token, "calm");
    assert.deepEqual(notes, ["docker does not answer: Cannot connect"]);
  });

  it("never repeats a token, however often drift recurs and is repaired", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...drifts.slice(0, -1)), { minLength: 1, maxLength: 30 }),
        (kinds) => {
          const seen = new Set<string>(["calm"]);
          let [token, deployment] = ["calm", 0];
          for (const [, state] of kinds) {
            token = judge({ ...state, token, deployment: `d${deployment}` }).token;
            assert.ok(!seen.has(token), token);
            seen.add(token);
            deployment += 1; // the repair
            assert.equal(judge(calm({ token, deployment: `d${deployment}` })).token, token);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("gives a re-imaged host a new token, so that it is deployed again", () => {
    assert.notEqual(judge(empty("engine-1 100")).token, judge(empty("engine-2 200")).token);
  });
});
