// The spec reporter, with a last line that a script can read.
const { reporters, Runner } = require("mocha");
const { pulumiInUse } = require("../../lab/pulumi/in-use");

module.exports = class extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      const skipped = pending ? `, ${pending} skipped` : "";
      console.log(`${passes} passed, ${failures} failed${skipped} (Pulumi: ${pulumiInUse()})`);
    });
  }
};
