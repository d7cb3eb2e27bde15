import assert from "node:assert/strict";
import type { WrittenRelease, WrittenRequest } from "../../support/written-release";
import { restartEngine } from "./kill";
import { ownHost } from "./own-host";
import { deploy, requestFor, type ShopOptions, served, shop } from "./shop";

export const FOLDER = "/home/deploy/.everfresh";

/**
 * A host of its own that gets one release of the shop after the other, each with its number in the file that it serves, so that
 * the answer tells which one it is.
 */
export function ownTroubledHost(name: string) {
  const own = ownHost(name, ["one", "two", "api"], {
    ready: async () => {
      // A broken download is tried again five times, which takes a minute.
      await own.sh(`sed -i 's/{ /&"max-download-attempts": 1, /' /etc/docker/*.json`);
      await restartEngine(own.host);
    },
  });
  let number = 0;

  const next = (options: Partial<ShopOptions> = {}): WrittenRelease => {
    number += 1;
    return shop(own.images, `r${number}`, {
      page: number % 2 ? "one" : "two",
      conf: `conf ${number}`,
      ...options,
    });
  };
  const request = (overrides: Partial<WrittenRequest> = {}) => requestFor(own.lab, next(), overrides);

  return Object.assign(own, {
    /** The number of the last release. */
    numberOfLast: () => number,
    next,
    request,
    /** Deploys the next release, which must be proved; returns its number. */
    async green(overrides: Partial<WrittenRequest> = {}) {
      const { status, stderr } = await deploy(own.host, request(overrides));
      assert.equal(status, 0, stderr);
      assert.equal(await served(own.host, "/conf"), `conf ${number}`);
      return number;
    },
  });
}
