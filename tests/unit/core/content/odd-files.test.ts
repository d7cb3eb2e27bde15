import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { ContentError, identify } from "../../../../core/content";
import { digestFile } from "../../../../core/content/files/digest";
import { Folder } from "./folder";

describe("identify", () => {
  const folder = new Folder();
  const dockerfileInline = "FROM scratch\nCOPY . /\n";
  const run = () => identify(folder.spec({ dockerfileInline }));
  const found = async () => (await run()).files.map(({ path, type }) => `${type} ${path}`);

  it("refuses an unreadable file or folder unless it is ignored", async () => {
    if (process.getuid?.() === 0) {
      // Root reads everything, so this runs as another user.
      const script = `require("./core/content").identify(${JSON.stringify(folder.spec({ dockerfileInline }))}).then((i) => console.log(i.files.length), (e) => console.log(e.name + " " + e.message))`;
      const other = () =>
        execFileSync(process.execPath, ["--import", "tsx", "-e", script], {
          uid: 65534,
          gid: 65534,
          encoding: "utf8",
          env: { ...process.env, HOME: "/nonexistent", TMPDIR: "/tmp" },
        }).trim();
      folder.write({ locked: "x", open: "x" });
      execFileSync("chmod", ["755", folder.path]);
      execFileSync("chmod", ["000", folder.at("locked")]);
      assert.match(other(), /^ContentError locked: cannot be read; .*\.dockerignore$/);
      folder.write({ ".dockerignore": "locked" });
      assert.equal(other(), "2");
      mkdirSync(folder.at("closed"), { mode: 0 });
      assert.match(other(), /^ContentError closed: cannot be read; /);
    } else {
      folder.write({ locked: "x" });
      execFileSync("chmod", ["000", folder.at("locked")]);
      await assert.rejects(run(), ContentError);
    }
  }).timeout(20_000);

  it("counts a FIFO without waiting for its content", async () => {
    execFileSync("mkfifo", [folder.at("pipe")]);
    assert.deepEqual(await found(), ["fifo pipe"]);
    assert.equal(digestFile(folder.path, "pipe"), undefined);
  });

  it("counts a socket, which the builder turns into a file", async () => {
    const server = createServer().listen(folder.at("socket"));
    await new Promise((done) => server.once("listening", done));
    assert.deepEqual(await found(), ["socket socket"]);
    server.close();
  });

  it("refuses a device", async function () {
    if (process.getuid?.() !== 0) this.skip();
    try {
      execFileSync("mknod", [folder.at("null"), "c", "1", "3"], { stdio: "ignore" });
    } catch {
      this.skip();
    }
    await assert.rejects(run(), {
      name: "ContentError",
      message: "null: is a device; list it in .dockerignore",
    });
  });

  it("counts the targets of links that are broken or lead in a circle", async () => {
    execFileSync("ln", ["-s", "nowhere", folder.at("dangling")]);
    execFileSync("ln", ["-s", "loop", folder.at("loop")]);
    execFileSync("ln", ["-s", "..", folder.at("up")]);
    assert.deepEqual(await found(), ["symlink dangling", "symlink loop", "symlink up"]);
  });

  it("distinguishes names that are not UTF-8, and reads their files", async () => {
    const name = (byte: number) =>
      Buffer.concat([Buffer.from(`${folder.path}/n`), Buffer.from([byte]), Buffer.from("ü.txt")]);
    writeFileSync(name(0xff), "1");
    const one = await run();
    assert.deepEqual(await found(), ["file n\udcffü.txt"]);
    rmSync(name(0xff));
    writeFileSync(name(0xfe), "1");
    const other = await run();
    assert.notEqual(other.content, one.content);
    writeFileSync(name(0xfe), "2");
    assert.notEqual((await run()).content, other.content);
  });

  it("distinguishes names with special characters", async () => {
    const names = [
      "a\nb",
      "a\tb",
      " a",
      "a ",
      "*",
      "[a]",
      "\\",
      "\u{1f600}",
      "\ufffd",
      "e\u0301",
      "\u00e9",
      "-rf",
      "#",
      "!",
    ];
    folder.write(Object.fromEntries(names.map((name) => [name, name])));
    assert.deepEqual(
      (await run()).files.map(({ path }) => path),
      [...names].sort(),
    );
  });

  it("counts 100,000 entries", async () => {
    mkdirSync(folder.at("many"));
    for (let i = 0; i < 100_000; i++) writeFileSync(folder.at(`many/${i}`), "");
    const { files } = await run();
    rmSync(folder.at("many"), { recursive: true });
    assert.equal(files.length, 100_001);
    assert.deepEqual(
      files.map(({ path }) => path),
      files.map(({ path }) => path).sort(),
    );
  }).timeout(60_000);

  it("leaves out a file that vanishes before it is read", () => {
    assert.equal(digestFile(folder.path, "gone"), undefined);
  });

  it("refuses a file that keeps changing, after some attempts", async () => {
    // A file in /proc claims to be empty but is not, so no attempt finds the size that it claims.
    assert.throws(() => digestFile("/proc", "version"), {
      name: "ContentError",
      message: /^version: keeps changing while it is read; /,
    });
  });

  it("reads a file that is larger than the buffer in pieces", async () => {
    writeFileSync(folder.at("large"), Buffer.alloc(70 << 20, "x"));
    const sum = execFileSync("sha256sum", [folder.at("large")], { encoding: "utf8" }).slice(0, 64);
    assert.equal((await run()).files[0]!.sha256, sum);
  });
});
