import assert from "node:assert/strict";
import {
  chownSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { identify, StatCache } from "../../../../core/content";
import { putStat, STAT_FIELDS } from "../../../../core/content/files/file-work";
import { Folder } from "./folder";

const HOUR = 3_600_000;

describe("StatCache", () => {
  const folder = new Folder();
  const cacheFolder = () => `${folder.path}-cache`;
  afterEach(() => rmSync(cacheFolder(), { recursive: true, force: true }));
  const cacheFile = () => `${cacheFolder()}/${readdirSync(cacheFolder())[0]}`;
  const stat = (path: string) => {
    const numbers = new Float64Array(STAT_FIELDS);
    putStat(statSync(folder.at(path)), numbers, 0);
    return numbers;
  };
  const open = () => StatCache.open(cacheFolder());
  /** Saves a digest that no file has, as if the file had been read at that time. */
  const plant = (path: string, readAt = Date.now() + HOUR) => {
    const cache = open();
    cache.of(folder.path).remember(path, stat(path), 0, "f".repeat(64), readAt);
    cache.save();
  };
  /** Whether a later run uses that digest. */
  const planted = (path: string) => open().of(folder.path).lookup(path, stat(path), 0) === "f".repeat(64);

  beforeEach(() => folder.write({ a: "1", b: "2" }));

  it("returns an unchanged file's digest without reading the file", async () => {
    plant("a");
    const { files } = await identify(folder.spec({ dockerfileInline: "FROM scratch\nCOPY . /" }), {
      cache: open(),
    });
    assert.equal(files.find(({ path }) => path === "a")!.sha256, "f".repeat(64));
  });

  it("does not change the identity", async () => {
    const spec = folder.spec({ dockerfileInline: "FROM scratch\nCOPY . /" });
    const plain = await identify(spec);
    const cache = open();
    assert.deepEqual(await identify(spec, { cache }), plain);
    cache.save();
    assert.deepEqual(await identify(spec, { cache: open() }), plain);
  });

  it("does not use the digest of a file whose size changed", () => {
    plant("a");
    writeFileSync(folder.at("a"), "11");
    assert.ok(!planted("a"));
  });

  it("does not use the digest of a file that was rewritten and given its old time", () => {
    const { atime, mtime } = statSync(folder.at("a"));
    plant("a");
    writeFileSync(folder.at("a"), "9");
    utimesSync(folder.at("a"), atime, mtime);
    assert.ok(!planted("a"));
  });

  it("does not use the digest of a file that another one replaced, with the same size and time", () => {
    utimesSync(folder.at("a"), 1, 1);
    utimesSync(folder.at("b"), 1, 1);
    plant("a");
    renameSync(folder.at("b"), folder.at("a"));
    assert.ok(!planted("a"));
  });

  it("does not remember a file that was written just before it was read", () => {
    plant("a", Date.now());
    assert.ok(!planted("a"));
    plant("a", Date.now() + 1_900);
    assert.ok(!planted("a"));
    plant("a", Date.now() + 2_500);
    assert.ok(planted("a"));
  });

  it("does not remember a file whose time is in the future", () => {
    utimesSync(folder.at("a"), Date.now() / 1000 + 1e6, Date.now() / 1000 + 1e6);
    plant("a");
    assert.ok(!planted("a"));
  });

  for (const [what, damage] of Object.entries<(file: string) => void>({
    "a changed byte": (file) => {
      const bytes = readFileSync(file);
      bytes[bytes.length - 40]! ^= 1;
      writeFileSync(file, bytes);
    },
    "a missing end": (file) => truncateSync(file, statSync(file).size - 1),
    "nothing in it": (file) => truncateSync(file, 0),
    "something else in it": (file) => writeFileSync(file, "hello\n".repeat(100)),
    "a folder in its place": (file) => {
      rmSync(file);
      StatCache.open(file)
        .of(folder.path)
        .remember("a", stat("a"), 0, "e".repeat(64), Date.now() + HOUR);
    },
  })) {
    it(`ignores a cache file with ${what}, and replaces it`, () => {
      plant("a");
      damage(cacheFile());
      assert.equal(open().of(folder.path).lookup("a", stat("a"), 0), undefined);
      plant("a");
      assert.ok(planted("a"));
    });
  }

  it("ignores a cache file with any byte changed, or cut off anywhere", () => {
    plant("a");
    const whole = readFileSync(cacheFile());
    const believed = () => open().of(folder.path).lookup("a", stat("a"), 0);
    for (let at = 0; at < whole.length; at++) {
      const other = Buffer.from(whole);
      other[at]! ^= 1 + (at % 255);
      writeFileSync(cacheFile(), other);
      assert.equal(believed(), undefined, `byte ${at}`);
      writeFileSync(cacheFile(), whole.subarray(0, at));
      assert.equal(believed(), undefined, `the first ${at}`);
    }
    writeFileSync(cacheFile(), Buffer.concat([whole, Buffer.from([0])]));
    assert.equal(believed(), undefined);
    writeFileSync(cacheFile(), whole);
    assert.equal(believed(), "f".repeat(64));
  });

  it("ignores the cache file of another folder", () => {
    plant("a");
    const own = cacheFile();
    rmSync(`${own}.x`, { force: true });
    const other = StatCache.open(cacheFolder());
    other.of("/elsewhere").remember("a", stat("a"), 0, "f".repeat(64), Date.now() + HOUR);
    other.save();
    const foreign = readdirSync(cacheFolder())
      .map((name) => `${cacheFolder()}/${name}`)
      .find((file) => file !== own)!;
    copyFileSync(foreign, own);
    assert.ok(!planted("a"));
  });

  it("ignores the cache file of another user", function () {
    if (process.getuid?.() !== 0) this.skip();
    plant("a");
    chownSync(cacheFile(), 65534, 65534);
    assert.ok(!planted("a"));
  });

  it("works without a folder to save to", () => {
    writeFileSync(cacheFolder(), "a file");
    plant("a");
    assert.ok(!planted("a"));
  });

  it("keeps an entry that goes unused for 20 saves, and drops it after that", () => {
    plant("a");
    for (let i = 0; i < 20; i++) plant("b");
    assert.ok(planted("a"));
    plant("b");
    assert.ok(!planted("a"));
  });

  it("stays undamaged when two runs save at once", () => {
    const [one, two] = [open(), open()];
    one.of(folder.path).remember("a", stat("a"), 0, "f".repeat(64), Date.now() + HOUR);
    two.of(folder.path).remember("b", stat("b"), 0, "f".repeat(64), Date.now() + HOUR);
    one.save();
    two.save();
    assert.ok(planted("b"));
    assert.equal(readdirSync(cacheFolder()).length, 1);
  });
});
