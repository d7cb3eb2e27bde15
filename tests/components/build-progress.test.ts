import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { followBuild } from "../../components/build-progress";
import { graph } from "../support/graph";
import { providers } from "./fixtures";

type Hook = () => void;

/** Returns what is shown of a failed build with this log. */
async function shown(...lines: string[]): Promise<string[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "everfresh-build-"));
  try {
    const file = path.join(folder, "build.log");
    fs.writeFileSync(file, lines.map((line) => `${line}\n`).join(""));
    const { log } = await graph(
      async () => {
        const web = new pulumi.ComponentResource("test:index:Build", "web");
        const [hook] = followBuild("web", file, web).onError!;
        await (hook as pulumi.ErrorHook).callback({} as pulumi.ErrorHookArgs);
      },
      { provider: providers },
    );
    return log.flatMap(({ severity, message }) => (severity === "error" ? [message] : []));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

describe("a build that fails", () => {
  const start = [
    "#1 [internal] load build definition from Dockerfile",
    "#1 transferring dockerfile: 9B done",
  ];

  it("shows the failing step's last lines, and the reason", async () => {
    const step = [" > [2/2] RUN make:", "0.312 make: *** No targets.  Stop."];
    const reason = 'ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2';
    assert.deepEqual(
      await shown(...start, "#4 [2/2] RUN make", `#4 ${reason}`, "------", ...step, "------"),
      [["web: the build failed; its last lines:", ...step, reason].join("\n")],
    );
  });

  it("shows only the reason if no step has failed", async () => {
    const reason = "ERROR: docker.io/library/nothing:latest: not found";
    assert.deepEqual(await shown(...start, "#2 0.1 error.c is compiled", `#3 ${reason}`, "#1 DONE 0.0s"), [
      `web: the build failed; its last lines:\n${reason}`,
    ]);
  });

  for (const [log, lines] of [
    ["gives no reason", [...start, "#3 DONE 0.0s"]],
    ["is empty", []],
  ] as const) {
    it(`points to the resource's error if the log ${log}`, async () => {
      assert.deepEqual(await shown(...lines), [
        "web: the build failed outside of its steps; see the error of `web-build` for the reason",
      ]);
    });
  }
});

describe("a build's progress", () => {
  const { watch } = fs;
  afterEach(() => {
    fs.watch = watch;
  });
  const hooks = async () => {
    const { result } = await graph(
      () => {
        const { beforeCreate, afterCreate } = followBuild("web", "/nowhere/log", {} as pulumi.Resource);
        return { before: beforeCreate![0] as Hook, after: afterCreate![0] as Hook };
      },
      { provider: providers },
    );
    return result;
  };
  const failure = (code: string) => Object.assign(new Error(code), { code });

  for (const code of ["ENOSPC", "EMFILE"]) {
    it(`is not shown if the system cannot watch the log (${code}), and the build continues`, async () => {
      fs.watch = (() => {
        throw failure(code);
      }) as typeof fs.watch;
      const { before, after } = await hooks();
      before();
      after();
    });
  }

  it("stops if watching the log fails, and the build continues", async () => {
    const watcher = Object.assign(new EventEmitter(), { unref() {}, close() {} });
    fs.watch = (() => watcher) as unknown as typeof fs.watch;
    const { before, after } = await hooks();
    before();
    assert.ok(watcher.emit("error", failure("EMFILE")));
    after();
  });
});
