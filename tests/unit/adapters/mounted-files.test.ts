import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, link, mkdir, mkdtemp, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { readFiles } from "../../../adapters/mounted-files";
import type { ReferencedFile } from "../../../core/compose/project";
import { fingerprint } from "../../../core/files";
import type { ReleaseFileEntry } from "../../../core/host/types";
import { Problems } from "../../../core/problems";

let folder: string;

const key = "k";
const where = "services.web.volumes (/data)";
const at = (name: string) => path.join(folder, name);
const reference = (name: string): ReferencedFile => ({
  key: at(name),
  source: at(name),
  where,
  services: ["web"],
  name,
});
const read = async (name: string) => (await readFiles([reference(name)]))[0]!.entries;
const refused = (name: string, what: string, todo: string) =>
  assert.rejects(readFiles([reference(name)]), new Problems([`${where}: ${at(name)}${what}; ${todo}`]));
const file = (path: string, text: string, executable = false): ReleaseFileEntry => ({
  type: "file",
  path,
  executable,
  bytes: Buffer.from(text),
});

describe("readFiles", () => {
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "everfresh-files-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("reads a file with its executable bit", async () => {
    await writeFile(at("run"), "#!/bin/sh\n");
    assert.deepEqual(await read("run"), [file("run", "#!/bin/sh\n")]);
    await chmod(at("run"), 0o755);
    assert.deepEqual(await read("run"), [file("run", "#!/bin/sh\n", true)]);
  });

  for (const [mode, isPrivate] of [
    [0o644, false],
    [0o664, false],
    [0o640, false],
    [0o600, true],
    [0o400, true],
  ] as const)
    it(`${isPrivate ? "calls" : "does not call"} a file with mode 0${mode.toString(8)} private to its owner`, async () => {
      await writeFile(at("key"), "k");
      await chmod(at("key"), mode);
      assert.deepEqual(await read("key"), [{ ...file("key", "k"), ...(isPrivate && { private: true }) }]);
    });

  it("reads a whole folder, parents before children, sorted by name", async () => {
    await mkdir(at("d/b/empty"), { recursive: true });
    await writeFile(at("d/b/z"), "z");
    await writeFile(at("d/ä"), "ä");
    await writeFile(at("d/Z"), "Z");
    await symlink("../elsewhere", at("d/link"));
    assert.deepEqual(await read("d"), [
      { type: "directory", path: "d" },
      file("d/Z", "Z"),
      { type: "directory", path: "d/b" },
      { type: "directory", path: "d/b/empty" },
      file("d/b/z", "z"),
      { type: "symlink", path: "d/link", target: "../elsewhere" },
      file("d/ä", "ä"),
    ]);
  });

  it("ships an empty placeholder for a host path in a folder, whether or not this machine has something there", async () => {
    const hostPaths = new Map([
      [at("d/data"), "folder" as const],
      [at("d/deep/er/db"), "file" as const],
    ]);
    const places = async () => (await readFiles([{ ...reference("d"), hostPaths }]))[0]!.entries;
    await mkdir(at("d"));
    await writeFile(at("d/conf"), "c");
    const expected = [
      { type: "directory", path: "d" },
      file("d/conf", "c"),
      { type: "directory", path: "d/data" },
      { type: "directory", path: "d/deep" },
      { type: "directory", path: "d/deep/er" },
      file("d/deep/er/db", ""),
    ];
    assert.deepEqual(await places(), expected);
    await mkdir(at("d/data"));
    await mkdir(at("d/deep/er"), { recursive: true });
    for (const name of ["d/data/1", "d/deep/er/db"]) await writeFile(at(name), "of this machine");
    assert.deepEqual(await places(), expected);
  });

  it("follows a link if the link itself is mounted, as compose does", async () => {
    await writeFile(at("target"), "x");
    await symlink("target", at("mounted"));
    assert.deepEqual(await read("mounted"), [file("mounted", "x")]);
  });

  it("keeps an inline text unchanged", async () => {
    const inline = { key: "configs.a", text: "ä\n", where: "configs.a", services: ["web"], name: "a" };
    assert.deepEqual((await readFiles([inline]))[0]!.entries, [file("a", "ä\n")]);
  });

  it("refuses a missing file and a dangling link", async () => {
    await refused("gone", " does not exist", "create it or correct the path");
    await symlink("gone", at("dangling"));
    await refused("dangling", " does not exist", "create it or correct the path");
  });

  it("refuses a file that cannot be read, and gives the reason", async () => {
    await writeFile(at("file"), "");
    await refused("file/below", " cannot be read (ENOTDIR)", "make it readable to you");
    await symlink("loop", at("loop"));
    await refused("loop", " cannot be read (ELOOP)", "make it readable to you");
  });

  it("refuses a FIFO instead of waiting for it", async () => {
    execFileSync("mkfifo", [at("fifo")]);
    await refused("fifo", " is neither a file nor a folder", "mount it by its absolute path on the host");
  });

  it("refuses more than 64 MiB without reading it", async () => {
    await mkdir(at("big"));
    for (const name of ["a", "b"]) {
      await writeFile(at(`big/${name}`), "");
      await truncate(at(`big/${name}`), 3 * 2 ** 33);
    }
    await refused(
      "big",
      ` is ${Math.round((6 * 2 ** 33) / 1e6)} MB`,
      "copy it into the image or keep it in a volume",
    );
  });

  it("leaves a tree of more than 1 MiB on disk, with the same fingerprint as in memory", async () => {
    await mkdir(at("t"));
    await writeFile(at("t/small"), "a");
    const large = Buffer.alloc(2 ** 20 + 1, "b");
    await writeFile(at("t/large"), large);
    const entries = await read("t");
    const onDisk = (name: string, bytes: Buffer): ReleaseFileEntry => ({
      ...{ type: "file", path: `t/${name}`, executable: false },
      bytes: {
        file: at(`t/${name}`),
        size: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
      },
    });
    const folder: ReleaseFileEntry = { type: "directory", path: "t" };
    assert.deepEqual(entries, [folder, onDisk("large", large), onDisk("small", Buffer.from("a"))]);
    const inMemory = [
      folder,
      { ...file("t/large", ""), bytes: large } as ReleaseFileEntry,
      file("t/small", "a"),
    ];
    assert.equal(fingerprint(entries, "k"), fingerprint(inMemory, "k"));
    await truncate(at("t/large"), 5);
    assert.throws(
      () => fingerprint(entries, "k"),
      /t\/large: became shorter while it was read; run it again$/,
    );
  });

  it("refuses a name with a backslash or a line break only in a tree of more than 1 MiB", async () => {
    await mkdir(at("t"));
    await writeFile(at("t/a\\b"), "");
    assert.equal((await read("t")).length, 2);
    await writeFile(at("t/large"), Buffer.alloc(2 ** 20 + 1));
    await assert.rejects(
      read("t"),
      new Problems([
        `${where}: "t/a\\\\b" has a backslash or a line break in its name, in a folder of more than 1 MiB; rename it`,
      ]),
    );
  });

  for (const [what, make] of [
    ["a carriage return in a name", () => writeFile(at("t/odd\r"), "")],
    ["a line break in a link's target", () => symlink("a\nb", at("t/odd"))],
  ] as const)
    it(`refuses ${what} in a large tree`, async () => {
      await mkdir(at("t"));
      await writeFile(at("t/large"), Buffer.alloc(2 ** 20 + 1));
      await make();
      await assert.rejects(read("t"), (error: Error) => {
        assert.ok(error instanceof Problems);
        assert.match(error.message, /"t\/odd(\\r)?" has a backslash or a line break in its (name|target), /);
        return true;
      });
    });

  const latin1 = Buffer.from("caf\xe9", "latin1");
  for (const [folder, make] of [
    ["named", (name: Buffer) => writeFile(name, "")],
    ["linked", (name: Buffer) => symlink(latin1, name)],
  ] as const)
    it(`refuses a ${folder === "named" ? "name" : "link"} that is not UTF-8`, async () => {
      await mkdir(at(folder));
      await make(
        Buffer.concat([Buffer.from(`${at(folder)}/`), folder === "named" ? latin1 : Buffer.from("link")]),
      );
      const source = folder === "named" ? at("named") : at("linked/link");
      await assert.rejects(
        read(folder),
        new Problems([
          `${where}: ${source} has a name or a link that is not UTF-8 ("café" as Latin-1); rename it`,
        ]),
      );
    });

  it("accepts exactly 64 MiB", async () => {
    await writeFile(at("large"), "");
    await truncate(at("large"), 64 * 2 ** 20);
    assert.equal((await read("large")).length, 1);
  });

  it("lists problems in the order of the files, however long each takes to read", async () => {
    await mkdir(at("a/b/c"), { recursive: true });
    execFileSync("mkfifo", [at("a/b/c/pipe")]);
    const lines = await readFiles([reference("a"), reference("missing")]).catch(({ problems }) => problems);
    assert.match(lines[0], /pipe is neither/);
    assert.match(lines[1], /missing does not exist/);
  });

  it("lists the problems of all files at once", async () => {
    await assert.rejects(
      readFiles([reference("a"), reference("b")]),
      (error: Problems) => error.problems.length === 2,
    );
  });

  it("does not call a file private if the umask makes every file private", async () => {
    const before = process.umask(0o077);
    try {
      await writeFile(at("a"), "x");
      assert.deepEqual(await read("a"), [file("a", "x")]);
    } finally {
      process.umask(before);
    }
  });

  it("keeps a fingerprint when times, group permissions, hard links or the checkout's place change", async () => {
    const tree = async (name: string) => {
      await mkdir(at(name));
      await writeFile(at(`${name}/a`), "x");
      const entries = await readFiles([{ ...reference(name), name: "d" }]);
      return fingerprint(entries[0]!.entries, key);
    };
    const before = await tree("here");
    assert.equal(await tree("there"), before);
    await utimes(at("here/a"), 1, 1);
    await chmod(at("here/a"), 0o640);
    await link(at("here/a"), at("other-name"));
    const after = await readFiles([{ ...reference("here"), name: "d" }]);
    assert.equal(fingerprint(after[0]!.entries, key), before);
  });

  it("changes the fingerprint when a file becomes private to its owner, or gets another owner or mode", async () => {
    await writeFile(at("a"), "x");
    const [reading] = await readFiles([reference("a")]);
    const open = fingerprint(reading!.entries, key);
    const seen = new Set([open]);
    for (const mode of [0o600, 0o700]) {
      await chmod(at("a"), mode);
      const [{ entries } = { entries: [] }] = await readFiles([reference("a")]);
      seen.add(fingerprint(entries, key));
    }
    const text = { ...reference("a"), text: "x" };
    for (const access of [undefined, { uid: 1, gid: 0, mode: 0o444 }, { uid: 1, gid: 0, mode: 0o400 }]) {
      const [{ entries } = { entries: [] }] = await readFiles([{ ...text, access }]);
      seen.add(fingerprint(entries, key));
    }
    assert.equal(seen.size, 5, "the text without an owner has the open file's fingerprint");
  });
});
