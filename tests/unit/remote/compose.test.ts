import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

describe("docker compose on a host", () => {
  const bin = mkdtempSync(join(tmpdir(), "everfresh-bin-"));
  before(() => {
    writeFileSync(join(bin, "docker"), "#!/bin/sh\nenv\n");
    chmodSync(join(bin, "docker"), 0o755);
  });
  after(() => rmSync(bin, { recursive: true }));

  for (const shell of SHELLS) {
    it(`inherits only docker's variables from the login, under ${shell}`, () => {
      const ours = {
        PATH: `${bin}:${process.env.PATH}`,
        HOME: "/home/a b",
        DOCKER_HOST: "unix:///run/my docker",
      };
      const program = insteadOfMain(
        deploymentOf({ kept: "r1", project: "shop" }),
        "compose_within 5 releases/r1 up",
      );
      const { stdout } = runUnder(shell, program, {
        ...ours,
        TOKEN: "x",
        LANG: "C",
        COMPOSE_PROFILES: "debug",
      });
      const found = stdout
        .trim()
        .split("\n")
        .filter((line) => !/^(_|PWD|SHLVL|OLDPWD)=/.test(line));
      assert.deepEqual(
        found.sort(),
        Object.entries(ours)
          .map((pair) => pair.join("="))
          .sort(),
      );
    });
  }
});
