import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { quote } from "../../../core/quote";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

describe("the project's folder on a host", () => {
  let home: string;
  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), "everfresh-home-")));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  for (const shell of SHELLS) {
    const run = (script: string, env: NodeJS.ProcessEnv = {}) =>
      runUnder(shell, insteadOfMain(deploymentOf({ kept: "r1", project: "shop" }), `request\n${script}`), {
        HOME: home,
        ...env,
      });
    const make = (remoteDir: string, before = "") =>
      run(`${before}\nremote_dir=${quote(remoteDir)}; make_folder; echo "$folder"`);

    describe(`under ${shell}`, () => {
      it("is created readable only to its owner, and is found again through links", () => {
        const { stdout } = run(
          `umask 077; remote_dir=''; make_folder; echo "$folder"; ls -ld "$base" "$folder"`,
        );
        assert.match(stdout, new RegExp(`^${home}/.everfresh/shop\n(drwx------.*\n){2}$`));
        mkdirSync(join(home, "real name ü"), { mode: 0o700 });
        symlinkSync("real name ü", join(home, "link"));
        const there = join(home, "real name ü", "shop");
        assert.equal(make(join(home, "link")).stdout, `${there}\n`);
        assert.equal(make(join(home, "link")).stdout, `${there}\n`);
      });

      it("is refused before anything is written if another user owns it, a folder above it, or a link to it", () => {
        // As `ls -ldn` would tell of what another user has made.
        const anothers = (name: string) =>
          `ls() { command ls "$@" | case $2 in ${quote(name)}) sed 's/^\\([^ ]* *[^ ]* *\\)[0-9]*/\\14242/' ;; *) cat ;; esac; }`;
        const base = join(home, "base");
        mkdirSync(base, { mode: 0o700 });
        symlinkSync("base", join(home, "link"));
        for (const [dir, theirs] of [
          [base, base],
          [join(home, "link"), join(home, "link")],
          [join(home, "link"), base],
        ] as const) {
          const { status, stderr } = make(dir, anothers(theirs));
          assert.equal(status, 1);
          assert.equal(
            stderr.split("; ")[0],
            `${theirs}: belongs to another user (uid 4242), and programs are run from it`,
          );
          assert.ok(!existsSync(join(base, "shop")));
        }
        mkdirSync(join(base, "shop"));
        assert.match(
          make(base, anothers(join(base, "shop"))).stderr,
          /\/base\/shop: belongs to another user .*; set remoteDir to /,
        );
      });

      for (const [at, mode] of [
        ["base", 0o777],
        ["base", 0o770],
        ["base/shop", 0o702],
      ] as const)
        it(`is refused if ${at} has mode 0${mode.toString(8)}, so that others can write to it`, () => {
          const base = join(home, "base");
          const name = join(home, at);
          mkdirSync(join(base, "shop"), { recursive: true, mode: 0o700 });
          chmodSync(name, mode);
          const { status, stderr } = make(base);
          assert.equal(status, 1);
          assert.equal(
            stderr,
            `${name}: others can write to it, and programs are run from it; run \`chmod go-w ${name}\` on the host\n`,
          );
        });

      it("may be in a folder like /tmp, in which nobody can replace what others own", () => {
        const base = join(home, "base");
        mkdirSync(join(base, "shop"), { recursive: true, mode: 0o700 });
        chmodSync(base, 0o1777);
        assert.equal(make(base).stdout, `${join(base, "shop")}\n`);
      });

      for (const name of ["a:b", "a\nb"])
        it(`is refused if its name is ${JSON.stringify(name)}`, () => {
          mkdirSync(join(home, name));
          for (const { status, stderr } of [
            make(join(home, name)),
            run("make_folder", { HOME: join(home, name) }),
          ]) {
            assert.equal(status, 1);
            assert.match(
              stderr,
              /a folder with a colon or a line break in its name; set remoteDir to another folder\n$/,
            );
          }
        });

      it("gives docker the registry login without putting the folder's name into the search path", () => {
        const tools = join(home, "tools");
        const folder = join(home, "a:b");
        // The part behind the colon, as a path of its own, has somebody else's docker.
        for (const name of [tools, folder, join(home, "evil", ".run", "bin"), join(folder, ".run")])
          mkdirSync(name, { recursive: true });
        const tool = (at: string, text: string) => {
          writeFileSync(at, `#!/bin/sh\n${text}\n`);
          chmodSync(at, 0o755);
        };
        tool(
          join(tools, "docker"),
          `[ "$1" = context ] || { echo "docker $*"; docker-credential-everfresh get; }`,
        );
        tool(join(home, "evil", ".run", "bin", "docker"), 'echo "somebody else has $EVERFRESH_LOGIN"');
        const { stdout, stderr } = run(
          `cd ${quote(folder)} && folder=${quote(`${folder}:${join(home, "evil")}`)} registry_config='{}' registry_login='the login' engine_limit=5
mkdir -p .run && prepare_login && pull_with_login image`,
          { PATH: `${tools}:${process.env.PATH}` },
        );
        assert.match(stdout, /^docker --config .* pull -q image\nthe login$/, stderr);
      });
    });
  }
});
