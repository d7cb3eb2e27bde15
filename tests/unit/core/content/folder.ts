import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { BuildSpec } from "../../../../core/content";

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

  spec(more: Partial<BuildSpec> = {}): BuildSpec {
    const empty = { args: {}, platforms: [], labels: {}, additionalContexts: {}, secrets: [], ssh: [] };
    return { context: this.path, ...empty, ...more };
  }
}
