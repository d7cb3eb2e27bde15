import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import fs from "node:fs";
import type * as pulumi from "@pulumi/pulumi";
import { followBuild } from "../../components/build-progress";
import { graph } from "../support/graph";
import { providers } from "./fixtures";

type Hook = () => void;

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
    it(`is not shown where nothing more can be watched (${code}); the build goes on`, async () => {
      fs.watch = (() => {
        throw failure(code);
      }) as typeof fs.watch;
      const { before, after } = await hooks();
      before();
      after();
    });
  }

  it("ends with the watching; the build goes on", async () => {
    const watcher = Object.assign(new EventEmitter(), { unref() {}, close() {} });
    fs.watch = (() => watcher) as unknown as typeof fs.watch;
    const { before, after } = await hooks();
    before();
    assert.ok(watcher.emit("error", failure("EMFILE")));
    after();
  });
});
