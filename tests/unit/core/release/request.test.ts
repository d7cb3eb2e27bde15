import assert from "node:assert/strict";
import type { HostState, Release } from "../../../../core/host/types";
import { isDeployed } from "../../../../core/release/request";
import { calm, empty } from "../host/states";

/** A host that has release `r1`, from the deployment `calm`. */
const state = calm();
const release = (id: string) => ({ id }) as Release;
const kept = (id: string) => ({ kept: id, project: "shop" });

describe("isDeployed", () => {
  const cases: [string, Parameters<typeof isDeployed>[0], HostState, boolean][] = [
    ["the release from this deployment", { release: release("r1"), token: "calm" }, state, true],
    ["the release that is kept, from this deployment", { release: kept("r1"), token: "calm" }, state, true],
    ["another release", { release: release("r2"), token: "calm" }, state, false],
    ["another than the release that is kept", { release: kept("r2"), token: "calm" }, state, false],
    ["the release, but has drifted since", { release: release("r1"), token: "web is missing" }, state, false],
    ["nothing", { release: release("r1"), token: "calm" }, empty(), false],
    ["a damaged proof", { release: release("r1"), token: "calm" }, calm({ token: undefined }), false],
  ];
  for (const [name, request, found, isIt] of cases) {
    it(`is ${isIt} for a host that has ${name}`, () => assert.equal(isDeployed(request, found), isIt));
  }
});
