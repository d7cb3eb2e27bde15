import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BuildSpec } from "../../../core/content";
import type { Random } from "./random";

/** A project as data, so that a copy can be changed in one place and written out too. */
export interface Project {
  /** Path → entry. */
  tree: Record<string, Entry>;
  /** The lines of each stage, after those before the first FROM. */
  dockerfile: string[][];
  ignore: string[];
  /** Whether the rules are in `Dockerfile.dockerignore`. */
  ownIgnoreFile: boolean;
  args: Record<string, string>;
  labels: Record<string, string>;
  target?: string;
}

export type Entry =
  | { kind: "file"; text: string; mode: number }
  | { kind: "link"; target: string }
  | { kind: "folder" };

export const clone = (project: Project): Project => structuredClone(project);

export function writeProject(project: Project, folder: string): BuildSpec {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [path, entry] of Object.entries(project.tree)) {
    const full = join(folder, path);
    mkdirSync(entry.kind === "folder" ? full : dirname(full), { recursive: true });
    if (entry.kind === "file") {
      writeFileSync(full, entry.text);
      chmodSync(full, entry.mode);
    } else if (entry.kind === "link") symlinkSync(entry.target, full);
  }
  writeFileSync(join(folder, "Dockerfile"), `${project.dockerfile.flat().join("\n")}\n`);
  if (project.ignore.length > 0) {
    const name = project.ownIgnoreFile ? "Dockerfile.dockerignore" : ".dockerignore";
    writeFileSync(join(folder, name), `${project.ignore.join("\n")}\n`);
  }
  return {
    context: folder,
    args: project.args,
    platforms: [],
    labels: project.labels,
    additionalContexts: {},
    secrets: [],
    ...(project.target !== undefined && { target: project.target }),
  };
}

const FOLDERS = [
  "src",
  "src/lib",
  "src/lib/deep",
  "public",
  "public/img",
  "docs",
  "config",
  "node_modules/pkg",
  "test",
];
const NAMES = [
  "page.ts",
  "index.js",
  "a.txt",
  "b.txt",
  "README.md",
  "data.json",
  "notes.md",
  "x y.txt",
  "ünï.txt",
  ".env",
  "run.sh",
];

export function makeProject(random: Random): Project {
  const tree: Record<string, Entry> = {
    "package.json": { kind: "file", text: "{}\n", mode: 0o644 },
    "README.md": { kind: "file", text: "read me\n", mode: 0o644 },
    "a.txt": { kind: "file", text: "a\n", mode: 0o644 },
    "src/index.js": { kind: "file", text: "1\n", mode: 0o644 },
  };
  const folders = random.some(FOLDERS, 3 + random.below(4));
  for (let i = 0; i < 6 + random.below(8); i++) {
    const path = random.chance(0.2) ? random.pick(NAMES) : `${random.pick(folders)}/${random.pick(NAMES)}`;
    tree[path] = { kind: "file", text: `${random.word()}\n`, mode: random.chance(0.2) ? 0o755 : 0o644 };
  }
  if (random.chance(0.5)) tree["src/link.txt"] = { kind: "link", target: "../a.txt" };
  if (random.chance(0.3)) tree.current = { kind: "link", target: "src" };
  if (random.chance(0.3)) tree["src/dangling"] = { kind: "link", target: "nowhere" };
  if (random.chance(0.4)) tree["src/empty"] = { kind: "folder" };
  if (random.chance(0.3)) tree["var/empty"] = { kind: "folder" };
  const project: Project = {
    tree,
    dockerfile: [],
    ignore: random.chance(0.7) ? makeRules(random) : [],
    ownIgnoreFile: random.chance(0.3),
    args: {},
    labels: {},
  };
  project.dockerfile = makeDockerfile(random, project);
  return project;
}

const RULES = [
  "node_modules",
  "**/*.md",
  "!README.md",
  "docs",
  "src/lib/*",
  "!src/lib/page.ts",
  "*.txt",
  "!a.txt",
  "**/data.json",
  "/config/",
  "test/**",
  "# a comment",
  "",
  "**/.env",
  "src/**/deep",
  "!src/lib/deep/index.js",
  "public/im?",
  "*",
  "!src",
  "!package.json",
  "!public/**",
  "src/[a-i]*",
  "  docs/notes.md  ",
  "!**/index.js",
  "./test",
  "src\\lib",
  "**/deep/**",
  "**",
  "!a.txt",
];

function makeRules(random: Random): string[] {
  return Array.from({ length: 1 + random.below(6) }, () => random.pick(RULES));
}

/** An image that commands can run in; other integration tests use it too. */
const BASE = "debian:trixie-slim";

function makeDockerfile(random: Random, project: Project): string[][] {
  const shape = random.below(13);
  const globals: string[] = random.chance(0.3) ? ["# made by a test"] : [];
  if (shape < 6) return [globals, stage(random, project, "scratch", "")];
  if (shape < 8) {
    // Two stages; the second copies the first's files.
    return [
      globals,
      ["FROM scratch AS build", ...copies(random, project, "/out/"), "LABEL stage=build"],
      ["FROM scratch", "COPY --from=build /out /app", ...copies(random, project, "/extra/").slice(0, 1)],
    ];
  }
  if (shape < 9) {
    return [
      globals,
      ["FROM scratch AS base", ...copies(random, project, "/base/").slice(0, 1)],
      ["FROM scratch AS unused", ...copies(random, project, "/unused/").slice(0, 1)],
      ["FROM base", ...copies(random, project, "/app/"), 'CMD ["/app/run"]'],
    ];
  }
  if (shape === 10) {
    project.args.FIRST = "one";
    return [
      [...globals, "ARG FIRST=two"],
      ["FROM scratch AS one", ...copies(random, project, "/one/")],
      ["FROM scratch AS two", ...copies(random, project, "/two/")],
      ["FROM $FIRST", "USER 1"],
    ];
  }
  if (shape === 11) {
    const mount = random.pick(["source=src,", "type=bind,src=a.txt,", "", "type=cache,"]);
    return [
      globals,
      [
        `FROM ${BASE}`,
        ...copies(random, project, "/app/").slice(0, 1),
        `RUN --mount=${mount}target=/mnt ls /mnt > /list`,
      ],
    ];
  }
  if (shape === 12) {
    // One of the builder's own arguments, given without a declaration.
    project.args.TARGETARCH = "arm64";
    return [
      globals,
      ["FROM scratch AS base-amd64", ...copies(random, project, "/amd64/").slice(0, 1)],
      ["FROM scratch AS base-arm64", ...copies(random, project, "/arm64/").slice(0, 1)],
      ["FROM base-$TARGETARCH", "USER 1", ...copies(random, project, "/app/").slice(0, 1)],
    ];
  }
  project.args.DIR = "src";
  return [
    [...globals, "ARG UNUSED=1"],
    [
      "FROM scratch",
      "ARG DIR=docs",
      "ENV TO=/app",
      "COPY $DIR ${TO}/",
      ...copies(random, project, "/more/").slice(0, 1),
    ],
  ];
}

function stage(random: Random, project: Project, base: string, name: string): string[] {
  const lines = [`FROM ${base}${name && ` AS ${name}`}`];
  if (random.chance(0.4)) {
    lines.push("ARG VERSION=1", "LABEL version=$VERSION");
    project.args.VERSION = "2";
  }
  if (random.chance(0.3))
    lines.push(random.pick(["ENV MODE=prod", 'ENV MODE=prod TITLE="two  words"', "ENV MODE prod"]));
  lines.push(...copies(random, project, "/app/"));
  if (random.chance(0.3)) lines.push("WORKDIR /app");
  if (random.chance(0.5)) lines.push('CMD ["node", "index.js"]');
  return lines;
}

function copies(random: Random, project: Project, to: string): string[] {
  const files = Object.keys(project.tree).filter(
    (path) => project.tree[path]!.kind === "file" && !path.includes(" "),
  );
  const forms = [
    () => `COPY . ${to}`,
    () => `COPY src ${to}src`,
    () => `COPY src/ ${to}`,
    () => `COPY package*.json ${to}`,
    () => `COPY *.txt ${to}`,
    () => `COPY src/*.js src/l* ${to}`,
    () => `COPY ["src", "${to}"]`,
    () => `ADD ${random.pick(files)} ${to}`,
    () => `COPY ${random.some(files, 2).join(" ")} ${to}`,
    () => `COPY --chown=1:1 ./src/../src/index.js ${to}`,
    () => (project.tree.current ? `COPY current ${to}` : `COPY /src ${to}`),
    () => (project.tree.current ? `COPY current/index.js ${to}` : `COPY src/index.js ${to}`),
    () =>
      project.tree["src/link.txt"]
        ? `COPY src/link.txt ${to}`
        : `COPY a.txt \\\n  # in between\n  package.json ${to}`,
    () => `COPY */*.md src/index.js ${to}`,
  ];
  return Array.from({ length: 1 + random.below(3) }, () => random.pick(forms)());
}
