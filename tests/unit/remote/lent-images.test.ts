import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nameOnHosts, repositories } from "../../../core/images";
import { quote } from "../../../core/quote";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

const digest = `sha256:${"0123456789ab".padEnd(64, "c")}`;
const other = `sha256:${"ba9876543210".padEnd(64, "c")}`;
const lent = "localhost/everfresh/shop/shop-web:0123456789ab";
const MB = 1_000_000;

/** A layer of a release: the digits that the host knows it by, and its bytes. */
const layer = (name: string, bytes: number) => `${name.padEnd(12, "0")}=${bytes}`;
/** Layers as the engine knows them. */
const unpacked = (...names: string[]) =>
  names.map((name) => `sha256:${name.padEnd(12, "0").padEnd(64, "9")} `).join("");

for (const shell of SHELLS) {
  /** The lines that a script prints, for a release with an image that is lent. */
  function run(script: string, { layers = "", here = [] as string[], digests = "" } = {}): string[] {
    const stubs = `registry_address='' lent='' registry_config='' registry_login=''
services() { printf '%s\\n' ${quote(`api|r/api@${other}|${other}|1|${layer("a", 99 * MB)}||||||`)} ${quote(`web|${lent}|${digest}|1|${layers}||||||`)}; }
docker_within() {
  shift
  case "$*" in
  "image ls -q") echo id ;;
  "image inspect --format {{range "*) printf '%s\\n' ${here.map((line) => quote(line)).join(" ")} ;;
  "image inspect "*${quote(lent)}) ${digests ? `echo ${quote(`sha256:1|${digests} |amd64|9`)}` : "return 1"} ;;
  *) echo "docker $*" ;;
  esac
}`;
    const program = deploymentOf({ kept: "r1", project: "shop" });
    const { stdout, stderr } = runUnder(shell, insteadOfMain(program, `${stubs}\n${script}`));
    assert.equal(stderr, "");
    return stdout.split("\n").filter(Boolean);
  }

  describe(`images that are lent, under ${shell}`, () => {
    const isLent = (name: string) => run(`is_lent ${quote(name)} && echo lent || echo not`)[0] === "lent";

    for (const [project, service] of [
      ["shop", "web"],
      ["a__b", "Web"],
      ["a-", "web..api"],
    ] as const) {
      const [place] = Object.values(repositories("127.0.0.1:27180", project, [service]));
      const name = nameOnHosts(`${place}@${digest}`, "ssh", project);
      it(`have a name such as ${name}`, () => assert.ok(isLent(name)));
    }

    for (const name of [
      "redis:7",
      `registry.example.com/shop-web@${digest}`,
      `127.0.0.1:5001/shop-web@${digest}`,
      `localhost/everfresh/shop/shop-web@${digest}`,
      "localhost/everfresh/shop/shop-web",
      "localhost/everfresh/shop/shop-web:latest",
      "localhost/everfresh/shop-web:0123456789ab",
      "localhost/shop/shop-web:0123456789ab",
      "registry.example.com/localhost/everfresh/shop/shop-web:0123456789ab",
    ]) {
      it(`do not have a name such as ${name.replace(digest, "sha256:…")}`, () => assert.ok(!isLent(name)));
    }

    it("are found again under the project's name, whatever it is", () => {
      const projects = [
        "shop",
        "a__b",
        "a___b",
        "a-b",
        "a--b",
        "a_-b",
        "a-_b",
        "a_b_-_c____d",
        "a-",
        "a___",
        "a-_",
      ];
      const places = projects.map((project) =>
        nameOnHosts(`r/web@${digest}`, "ssh", project).replace(/\/[^/]*$/, ""),
      );
      assert.deepEqual(run(`for project in ${projects.join(" ")}; do lent_place; echo; done`), places);
      const [shown] = run('docker_within() { echo "$*" >&9; }\nexec 9>&1\nproject=a- && remove_parts');
      assert.match(shown!, / localhost\/everfresh\/a\/\*:part-\*$/);
    });

    it("are pulled by the digest of the release, from the registry that is lent", () => {
      assert.deepEqual(run(`registry_address=127.0.0.1:5001\nlent_name r1 ${lent}`), [
        `127.0.0.1:5001/shop-web@${digest}`,
      ]);
    });

    for (const [what, digests, has] of [
      ["has under that digest", `${lent} 127.0.0.1:5001/shop-web@${digest}`, true],
      [
        "has under that digest, from another connection",
        `127.0.0.1:1/shop-web@${other} 127.0.0.1:2/shop-web@${digest} ${lent}`,
        true,
      ],
      ["has not", "", false],
      ["has only the name of, for another image", `${lent} 127.0.0.1:5001/shop-web@${other}`, false],
      ["has only the name of, for an image that was built there", lent, false],
    ] as const) {
      it(`are ${has ? "known" : "missing"} if it is one that the engine ${what}`, () => {
        const script = `has_image ${lent} && echo known || echo missing`;
        assert.deepEqual(run(script, { digests }), [has ? "known" : "missing"]);
      });
    }

    it("are pulled with the login, and get the release's name", () => {
      const pulls = run(`registry_address=127.0.0.1:5001
exec 9>&1
prepare_login() { :; }
pull_with_login() { echo "login, pull $1" >&9; }
pull_image r1 ${lent} && echo pulled`);
      const name = `127.0.0.1:5001/shop-web@${digest}`;
      assert.deepEqual(pulls, [`login, pull ${name}`, `docker tag ${name} ${lent}`, "pulled"]);
    });

    it("cannot be pulled when the connection is gone", () => {
      assert.deepEqual(run(`pull_image r1 ${lent} || echo "$failed_check: $reason"`), [
        `pull: image ${lent}: is not on this host, and the connection that it comes through is gone; run \`pulumi up\` again`,
      ]);
    });

    it("are no longer pulled once the connection is gone, so that nobody waits for docker to give up", () => {
      const folder = mkdtempSync(join(tmpdir(), "everfresh-pull-"));
      const docker = join(folder, "docker");
      const finished = join(folder, "finished");
      const stub = `#!/bin/sh\ncase "$*" in *" pull "*) sleep 5 && touch ${finished} ;; esac\n`;
      writeFileSync(docker, stub, { mode: 0o755 });
      const script = `services() { echo 'web|${lent}|${digest}|1|||||||'; }
cd ${folder} && mkdir .run && touch .lent || exit
folder=${folder} engine_limit=5 lent=.lent registry_address=127.0.0.1:5001 registry_config='{}' registry_login=''
{ sleep 0.5; rm .lent; } &
pull_image r1 ${lent} || echo "$failed_check: $reason"`;
      const program = deploymentOf({ kept: "r1", project: "shop" });
      const { stdout } = runUnder(shell, insteadOfMain(program, script), {
        PATH: `${folder}:${process.env.PATH}`,
      });
      assert.equal(
        stdout,
        `pull: pull ${lent}: the connection that it came through was cut; run \`pulumi up\` again\n`,
      );
      assert.ok(!existsSync(finished), "docker went on");
      rmSync(folder, { recursive: true });
    });

    describe("are pulled in parts", () => {
      const parts = (layers: string[], ...here: string[]) =>
        run(`part_sizes r1 ${lent}`, { layers: layers.join(" "), here });

      const cases: [string, string[], string[], string[]][] = [
        ["of 16 MB", ["a", "b", "c", "d", "e"].map((name) => layer(name, 8 * MB)), [], ["2", "4"]],
        [
          "of a large layer",
          [layer("a", 50 * MB), layer("b", 1), layer("c", 20 * MB), layer("d", 1)],
          [],
          ["1", "3"],
        ],
        ["of none, if it is small", [layer("a", 7 * MB), layer("b", 7 * MB), layer("c", 1 * MB)], [], []],
        ["of none, if it is one layer", [layer("a", 500 * MB)], [], []],
        ["of none that ends with the last layer", [layer("a", 1), layer("b", 500 * MB)], [], []],
        ["of none, if nothing is known of its layers", [], [], []],
        [
          "without the layers that the engine has",
          [layer("a", 90 * MB), layer("b", 90 * MB), layer("c", 20 * MB), layer("d", 1)],
          [unpacked("a", "b", "x")],
          ["3"],
        ],
        [
          "with layers that the engine has on top of others",
          [layer("a", 20 * MB), layer("b", 20 * MB), layer("c", 1)],
          [unpacked("b"), unpacked("x", "a")],
          ["1", "2"],
        ],
        [
          "of none, if the engine has all but the last layer",
          [layer("a", 90 * MB), layer("b", 9 * MB)],
          [unpacked("a")],
          [],
        ],
      ];
      for (const [name, layers, here, wanted] of cases) {
        it(name, () => assert.deepEqual(parts(layers, ...here), wanted));
      }

      for (const size of [16, 17, 100]) {
        it(`at most twenty, also of a hundred layers of ${size} MB`, () => {
          const names = Array.from({ length: 100 }, (_, k) => layer(`${k}x`.padStart(12, "0"), size * MB));
          assert.deepEqual(
            parts(names),
            Array.from({ length: 19 }, (_, k) => `${(k + 1) * 5}`),
          );
        });
      }

      it("each under a name of its own, until one fails", () => {
        const layers = ["a", "b", "c", "d"].map((name) => layer(name, 16 * MB)).join(" ");
        const script = (fails: string) => `registry_address=127.0.0.1:5001
pull_name=$(lent_name r1 ${lent}) pull=pull_stub
pull_stub() { echo "pull $1" >>"$pulls"; case $1 in *${fails}*) return 1 ;; esac; }
pulls=$(mktemp)
engine() { docker_within 1 "$@"; }
docker_within() { shift; case $1 in tag) echo "$*" >>"$pulls" ;; esac; }
pull_parts r1 ${lent} && cat "$pulls"
rm "$pulls"`;
        const hex = digest.slice("sha256:".length);
        const pulled = (k: number) => [
          `pull 127.0.0.1:5001/shop-web:part-${k}-${hex}`,
          `tag 127.0.0.1:5001/shop-web:part-${k}-${hex} localhost/everfresh/shop/shop-web:part-${k}`,
        ];
        assert.deepEqual(run(script("nothing"), { layers }), [...pulled(1), ...pulled(2), ...pulled(3)]);
        assert.deepEqual(run(script("part-2"), { layers }), [...pulled(1), pulled(2)[0]]);
      });
    });
  });
}
