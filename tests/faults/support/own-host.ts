import { historyProgram } from "../../../core/host/requests";
import { exec } from "../../../lab/faults";
import type { Lab, LabHost } from "../../../lab/lab";
import { ownLab } from "./own-lab";
import { type Images, pushImages } from "./shop";
import { runOn } from "./ssh";

/** The lab of a describe block, its one host, and the images that it deploys. They are there once mocha's hooks have run. */
export class OwnHost {
  #ready: { lab: Lab; images: Images } | undefined;

  get lab(): Lab {
    return this.#given.lab;
  }

  get host(): LabHost {
    return this.lab.hosts[0]!;
  }

  get images(): Images {
    return this.#given.images;
  }

  set(ready: { lab: Lab; images: Images }): void {
    this.#ready = ready;
  }

  /** Runs a script on the host, as root or as the user who deploys. */
  sh(script: string, options?: Parameters<typeof exec>[2]): Promise<string> {
    return exec(this.host, ["sh", "-c", script], options);
  }

  /** The host's ledger, oldest first. */
  async ledger() {
    const { stdout } = await runOn(this.host, historyProgram({ project: "shop" }));
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  get #given() {
    if (!this.#ready) throw new Error("the lab of these tests is not up yet; use it in a test or a hook");
    return this.#ready;
  }
}

/**
 * A lab of one host for the tests of one describe block (see `ownLab`), with an image for each of the pages.
 *
 * @param options.ready what else is to be done before the first test.
 */
export function ownHost(
  name: string,
  pages: string[],
  {
    ready = async () => {},
    ...options
  }: { ready?: () => Promise<unknown> } & Parameters<typeof ownLab>[2] = {},
): OwnHost {
  const own = new OwnHost();
  ownLab(
    name,
    async (lab) => {
      own.set({ lab, images: await pushImages(lab, pages) });
      await ready();
    },
    options,
  );
  return own;
}
