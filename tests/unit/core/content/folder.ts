import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BuildSpec, identify } from "../../../../core/content";

/** A context folder that is made before each test of a `describe` and removed after it. */
export class Folder {
  path = "";

  constructor() {
    beforeEach(() => {
      this.path = realpathSync(mkdtempSync(join(tmpdir(), "content-")));
    });
    afterEach(() => rmSync(this.path, { recursive: true, force: true }));
  }

  at(path: string): string {
    return join(this.path, path);
  }

  write(files: Record<string, string>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(this.at(path)), { recursive: true });
      writeFileSync(this.at(path), text);
    }
  }

  /** Writes the Dockerfile. */
  dockerfile(...lines: string[]): void {
    this.write({ Dockerfile: `${lines.join("\n")}\n` });
  }

  spec(more: Partial<BuildSpec> = {}): BuildSpec {
    const empty = { args: {}, platforms: [], labels: {}, additionalContexts: {}, secrets: [] };
    return { context: this.path, ...empty, ...more };
  }

  /** The content hash of the build. */
  async content(more: Partial<BuildSpec> = {}): Promise<string> {
    return (await identify(this.spec(more))).content;
  }

  /** The content hash with another Dockerfile. */
  async contentWith(...lines: string[]): Promise<string> {
    this.dockerfile(...lines);
    return this.content();
  }

  /** The paths that count. */
  async paths(more: Partial<BuildSpec> = {}): Promise<string[]> {
    return (await identify(this.spec(more))).files.map(({ path }) => path);
  }

  /** Whether an act changes the content hash. */
  async changes(act: () => void, more: Partial<BuildSpec> = {}): Promise<boolean> {
    const before = await this.content(more);
    act();
    return before !== (await this.content(more));
  }
}

/** A folder with some files, all of which its Dockerfile copies. */
export class CopiedFolder extends Folder {
  constructor() {
    super();
    beforeEach(() => {
      this.dockerfile("FROM scratch", "COPY . /");
      this.write({ "a.txt": "a", "src/page.ts": "page", "src/lib/b.txt": "b", "README.md": "readme" });
    });
  }
}
