import * as pulumi from "@pulumi/pulumi";

/** Milliseconds. */
const OFTEN = 2_000;

/**
 * Shows how far something is that takes a while. The lines are ephemeral: shown as progress and not kept.
 *
 * @param text - says what has been done in total.
 * @returns a function to call with each amount that is added.
 */
export function progress(text: (total: number) => string, resource: pulumi.Resource): (more: number) => void {
  let total = 0;
  let shown = Date.now();
  return (more) => {
    total += more;
    if (Date.now() - shown < OFTEN) return;
    shown = Date.now();
    void pulumi.log.info(text(total), resource, undefined, true);
  };
}
