import assert from "node:assert/strict";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

/** Pulls an image from a registry that gives these answers, one after the other; then it has the image. */
function pulled(shell: string, ...answers: string[]): string[] {
  const program = deploymentOf({ kept: "r1", project: "shop" });
  const script = `
dir=$(mktemp -d) && cd "$dir" || exit
printf '%s\\n' "$@" >answers
sleep() { echo "wait $1"; }
docker_within() {
  answer=$(head -n 1 answers) && sed -i 1d answers
  [ -z "$answer" ] || { echo "$answer"; return 1; }
}
pull_image r1 r/web@sha256:1 && echo "pulled" || echo "$failed_check: $reason"
rm -r "$dir"`;
  const set = `set -- ${answers.map((answer) => `'${answer}'`).join(" ")}`;
  const { stdout, stderr } = runUnder(
    shell,
    insteadOfMain(program, `registry_address=''\n${set}\n${script}`),
  );
  assert.equal(stderr, "");
  return stdout.split("\n").filter(Boolean);
}

/** As docker prints them: the classic image store and containerd's. */
const failing = [
  "Error response from daemon: received unexpected HTTP status: 500 Internal Server Error",
  "Error response from daemon: unexpected status from HEAD request to http://r/v2/web/manifests/sha256:1: 503 Service Unavailable",
];

for (const shell of SHELLS) {
  describe(`a pull under ${shell}`, () => {
    it("is repeated while the registry itself fails", () => {
      assert.deepEqual(pulled(shell, ...failing), ["wait 1", "wait 3", "pulled"]);
    });

    it("fails with docker's message when the registry goes on failing", () => {
      const [, , end] = pulled(shell, failing[1]!, failing[1]!, failing[0]!);
      assert.equal(end, `pull: pull r/web@sha256:1: ${failing[0]}`);
    });

    it("is not repeated for any other answer", () => {
      const refused = "Error response from daemon: pull access denied for r/web, repository does not exist";
      assert.equal(pulled(shell, refused).length, 1);
    });
  });
}
