import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { checkout, Machine, plugins } from "./setup-support/machine";

describe("set-up of Pulumi", function () {
  this.timeout(600_000);

  const found = async (machine: Machine) => {
    const { stdout } = await machine.run([
      machine.bin("sh"),
      "-c",
      ". ./scripts/env; pulumi version; pulumi home",
    ]);
    return stdout.trim().split("\n");
  };
  const cli = (version: string) =>
    `#!/bin/sh\ncase $1 in version) echo ${version} ;; home) echo "\${PULUMI_HOME:-none}" ;; esac\n` +
    '[ "$1" != plugin ] || mkdir -p "$PULUMI_HOME/plugins/resource-$4-v$5"\n';

  /** An archive like a release's (`pulumi/pulumi`) or a bundle's (`bin/pulumi`, `plugins/…`). */
  async function archive(machine: Machine, name: string, top: string, version: string): Promise<string> {
    const folder = path.join(machine.folder, "archive");
    await mkdir(path.join(folder, top), { recursive: true });
    await writeFile(path.join(folder, top, "pulumi"), cli(version), { mode: 0o755 });
    await writeFile(path.join(folder, top, "pulumi-language-nodejs"), "#!/bin/sh\n", { mode: 0o755 });
    for (const plugin of plugins) await mkdir(machine.plugin(plugin, folder), { recursive: true });
    const file = path.join(machine.folder, name);
    execFileSync("tar", ["-caf", file, "-C", folder, top, "plugins"]);
    return file;
  }

  it("skips a CLI that is too old, and uses one in ~/.pulumi that is new enough", async () => {
    await using machine = await Machine.create();
    await machine.play("pulumi", "echo v3.100.0");
    await mkdir(path.join(machine.home, ".pulumi", "bin"));
    await writeFile(path.join(machine.home, ".pulumi/bin/pulumi"), cli("v3.208.0"), { mode: 0o755 });
    assert.equal((await machine.setUp()).status, 0);
    assert.deepEqual(await found(machine), ["v3.208.0", "none"]);
  });

  it("unpacks the bundle that PULUMI_BUNDLE names into a PULUMI_HOME of its own", async () => {
    await using machine = await Machine.create();
    await machine.lack("pulumi");
    const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
    const { status, stdout } = await machine.setUp({ PULUMI_BUNDLE: bundle });
    assert.equal(status, 0);
    assert.equal(
      stdout,
      `setup: pulumi: unpacking the offline bundle ${bundle}\nsetup: done (Pulumi: official 3.300.0)\n`,
    );
    const own = path.join(machine.root, ".everfresh/pulumi");
    assert.deepEqual(await found(machine), ["v3.300.0", own]);
    for (const plugin of plugins) assert.ok(existsSync(machine.plugin(plugin, own)), plugin);
    assert.equal((await machine.setUp()).stdout, "setup: everything is there (Pulumi: official 3.300.0)\n");
  });

  it("finds a bundle for this kind of machine in ../shared/toolchain", async () => {
    await using machine = await Machine.create();
    await machine.lack("pulumi");
    await mkdir(path.join(machine.folder, "shared/toolchain"), { recursive: true });
    await machine.play("uname", "case $1 in -m) echo riscv64 ;; *) echo Linux ;; esac");
    await archive(machine, "shared/toolchain/pulumi-1-linux-amd64.tar.xz", "bin", "v3.301.0");
    await archive(machine, "shared/toolchain/pulumi-1-linux-riscv64.tar.xz", "bin", "v3.302.0");
    assert.equal((await machine.setUp()).status, 0);
    assert.equal((await found(machine))[0], "v3.302.0");
  });

  it("rejects a bundle that does not match the checksum beside it, and leaves nothing of it", async () => {
    await using machine = await Machine.create();
    await machine.lack("pulumi");
    const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
    await writeFile(path.join(machine.folder, "SHA256SUMS"), `${"0".repeat(64)}  bundle.tar.xz\n`);
    const { status, stderr } = await machine.setUp({ PULUMI_BUNDLE: bundle });
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `pulumi: ${bundle} does not match the SHA256SUMS beside it; fetch the archive again\n`,
    );
    assert.ok(!existsSync(path.join(machine.root, ".everfresh/pulumi")));
  });

  it("adds the provider plugins that a CLI lacks from the bundle", async () => {
    await using machine = await Machine.create();
    await rm(machine.plugin("random"), { recursive: true });
    const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
    assert.equal((await machine.setUp({ PULUMI_BUNDLE: bundle })).status, 0);
    assert.ok(existsSync(machine.plugin("random")));
  });

  for (const downloader of ["curl", "node"]) {
    it(`downloads the official release and its plugins (with ${downloader}) if there is no bundle`, async () => {
      await using machine = await Machine.create();
      await machine.lack("pulumi");
      if (downloader !== "curl") await machine.lack("curl");
      const bytes = await readFile(await archive(machine, "release.tar.gz", "pulumi", "v3.303.0"));
      let asked = "";
      await using server = await serve((url) => {
        asked = url;
        return bytes;
      });
      const { status, stderr } = await machine.setUp({ PULUMI_RELEASES: server.url });
      assert.equal(status, 0, stderr);
      const { version } = require(path.join(checkout, "node_modules/@pulumi/pulumi/package.json"));
      assert.match(asked, new RegExp(`^/pulumi-v${version}-linux-(x64|arm64)\\.tar\\.gz$`));
      const own = path.join(machine.root, ".everfresh/pulumi");
      assert.deepEqual(await found(machine), ["v3.303.0", own]);
      for (const plugin of plugins) assert.ok(existsSync(machine.plugin(plugin, own)), plugin);
    });
  }

  it("skips a CLI that has no language host", async () => {
    await using machine = await Machine.create();
    await machine.lack("pulumi-language-nodejs");
    const bundle = await archive(machine, "bundle.tar.xz", "bin", "v3.300.0");
    assert.equal((await machine.setUp({ PULUMI_BUNDLE: bundle })).status, 0);
    assert.equal((await found(machine))[0], "v3.300.0");
  });

  it("gives up on a download from a server that never answers", async () => {
    await using machine = await Machine.create();
    await machine.lack("pulumi");
    await using server = await serve(() => undefined);
    const { status, stderr } = await machine.setUp({
      EVERFRESH_PULUMI: "official",
      PULUMI_RELEASES: server.url,
    });
    assert.equal(status, 1);
    assert.match(stderr, /the official release cannot be downloaded/);
  });

  it("removes its launcher once one on PATH will do", async () => {
    await using machine = await Machine.create();
    await mkdir(path.join(machine.root, ".everfresh/bin"), { recursive: true });
    await writeFile(path.join(machine.root, ".everfresh/bin/pulumi"), "exit 1");
    await chmod(path.join(machine.root, ".everfresh/bin/pulumi"), 0o755);
    const ours = `${path.join(machine.root, ".everfresh/bin")}:${path.join(machine.folder, "bin")}`;
    assert.equal((await machine.setUp({ PATH: ours })).status, 0);
    assert.ok(!existsSync(path.join(machine.root, ".everfresh/bin/pulumi")));
  });
});

/** @param answer - undefined: it never answers. */
async function serve(
  answer: (url: string) => Buffer | undefined,
): Promise<{ url: string } & AsyncDisposable> {
  const server: Server = createServer((request, response) => {
    const body = answer(request.url ?? "");
    if (body) response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
