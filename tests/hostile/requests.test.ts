import assert from "node:assert/strict";
import fc from "fast-check";
import { deploymentProgram, type WrittenRequest } from "../support/written-release";
import { inABox } from "./support/box";
import { anyText, secret } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { assertRefusal, Refusal, rangeError, valueOrRefusal } from "./support/refusals";

describe("hostile values in a request to a host", function () {
  this.timeout(patienceFor(60_000));
  inABox();

  it("are sent, or refused in our own words without a secret", () => {
    const input = fc.record({
      id: anyText,
      name: anyText,
      image: anyText,
      tag: anyText,
      who: anyText,
      remoteDir: anyText,
      address: anyText,
    });
    return tryAll("arguments", 150, input, async ({ id, name, image, tag, who, remoteDir, address }) => {
      const service = { name, image, content: id, digest: tag, replicas: 1, files: [name], verify: [] };
      const request = (overrides: Partial<WrittenRequest>): WrittenRequest => ({
        release: { kept: "r1", project: "shop" },
        ...{ token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s" },
        ...{ keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 },
        ...overrides,
      });
      const base = {
        id: "r1",
        project: "shop",
        tag: "t",
        compose: "services: {}\n",
        files: [],
        services: [],
      };
      const requests: WrittenRequest[] = [
        request({ release: { kept: id, project: name } }),
        request({ release: { ...base, id, project: name, tag } }),
        request({ release: { ...base, services: [service] } }),
        request({ token: who, lineage: who, host: who, who, from: who, stack: who }),
        request({ remoteDir }),
        request({ registry: { address, username: who, password: secret } }),
      ];
      for (const each of requests) {
        const sent = await valueOrRefusal(() => deploymentProgram(each), { documented: rangeError });
        if (!(sent instanceof Refusal)) assert.ok(!sent.command.includes(secret));
        else assertRefusal(sent.messages);
      }
    });
  });
});
