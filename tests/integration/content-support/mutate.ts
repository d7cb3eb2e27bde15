import type { Change } from "../../../core/content";
import { clone, type Entry, type Project } from "./project";
import type { Random } from "./random";

/** One thing changed in a project, and how the explanation has to name it when the hash changes. */
export interface Mutation {
  name: string;
  project: Project;
  /** Whether a change names the mutated thing. */
  named(change: Change): boolean;
  /** Whether a change may come along: a file that an ignore rule lets in, for instance. */
  follows(change: Change): boolean;
  /** Whether a change names what the build sees of a file that it does not see itself: the folder that went with it. */
  instead(change: Change): boolean;
}

type Maker = (project: Project, random: Random) => ({ project: Project } & Partial<Mutation>) | undefined;

const never = () => false;
const anyFile = (change: Change) => change.kind === "file";
const file =
  (...paths: string[]) =>
  (change: Change) =>
    change.kind === "file" &&
    paths.some((path) => change.path === path || change.path.startsWith(`${path}/`));
const input =
  (...names: string[]) =>
  (change: Change) =>
    change.kind === "input" && names.includes(change.input);
const ignoring = (change: Change) => change.kind === "ignore";

export function mutate(project: Project, random: Random): Mutation {
  for (;;) {
    const [name, make] = random.pick(MAKERS);
    const made = make(clone(project), random);
    if (made) return { name, named: never, follows: never, instead: never, ...made };
  }
}

const MAKERS: [string, Maker][] = [
  ...many(4, "edit a file", (project, random) => {
    const path = fileIn(project, random);
    (project.tree[path] as { text: string }).text = `${random.word()} changed\n`;
    return { project, named: file(path) };
  }),
  ...many(2, "add a file", (project, random) => {
    const folder = random.pick(["", "src/", "src/lib/", "docs/", "public/", "test/"]);
    const path = `${folder}${random.word()}${random.pick([".txt", ".md", ".js", ""])}`;
    project.tree[path] = { kind: "file", text: "new\n", mode: 0o644 };
    return { project, named: file(path), follows: parentOf(path), instead: parentOf(path) };
  }),
  ...many(2, "remove a file", (project, random) => {
    const path = fileIn(project, random);
    delete project.tree[path];
    return { project, named: file(path), follows: parentOf(path), instead: parentOf(path) };
  }),
  ...many(2, "rename a file", (project, random) => {
    const path = fileIn(project, random);
    const to = `${path}${random.pick(["2", ".txt", ".md"])}`;
    if (project.tree[to]) return undefined;
    project.tree[to] = project.tree[path]!;
    delete project.tree[path];
    return { project, named: file(path, to) };
  }),
  ...many(2, "move a file", (project, random) => {
    const path = fileIn(project, random);
    const to = `${random.pick(["src", "docs", "public"])}/${path.split("/").at(-1)}`;
    if (project.tree[to]) return undefined;
    project.tree[to] = project.tree[path]!;
    delete project.tree[path];
    const folder = (change: Change) => parentOf(path)(change) || parentOf(to)(change);
    return { project, named: file(path, to), follows: folder, instead: folder };
  }),
  [
    "swap two files",
    (project, random) => {
      const [a, b] = random.some(filesOf(project), 2);
      if (!a || !b) return undefined;
      [project.tree[a], project.tree[b]] = [project.tree[b]!, project.tree[a]!];
      return { project, named: file(a, b) };
    },
  ],
  ...many(2, "make a file executable, or not", (project, random) => {
    const path = fileIn(project, random);
    (project.tree[path] as { mode: number }).mode ^= 0o111;
    return { project, named: file(path) };
  }),
  [
    "take a file's permissions away",
    (project, random) => {
      const path = fileIn(project, random);
      (project.tree[path] as { mode: number }).mode = 0o600;
      return { project, named: file(path) };
    },
  ],
  [
    "take the permissions of several files away",
    (project, random) => {
      const files = filesOf(project);
      const paths = random.chance(0.3) ? files : random.some(files, 2 + random.below(4));
      const mode = random.pick([0o600, 0o640, 0o664]);
      for (const path of paths) (project.tree[path] as { mode: number }).mode = mode;
      return { project, named: file(...paths) };
    },
  ],
  [
    "point a link elsewhere",
    (project, random) => {
      const link = random.pick(Object.entries(project.tree).filter(([, e]) => e.kind === "link"));
      if (!link || link[0] === "current") return undefined;
      project.tree[link[0]] = {
        kind: "link",
        target: random.pick(["../package.json", "elsewhere", "index.js"]),
      };
      return { project, named: file(link[0]), follows: anyFile };
    },
  ],
  [
    "replace a file by a link",
    (project, random) => {
      const path = fileIn(project, random);
      project.tree[path] = { kind: "link", target: "/package.json" };
      return { project, named: file(path), follows: file("package.json") };
    },
  ],
  [
    "add an empty folder",
    (project, random) => {
      const path = `${random.pick(["", "src/", "docs/"])}${random.word()}`;
      project.tree[path] = { kind: "folder" };
      return { project, named: file(path), follows: parentOf(path) };
    },
  ],
  ["touch everything", (project) => ({ project })],
  [
    "add a comment to the Dockerfile",
    (project, random) => {
      const stage = random.pick(project.dockerfile);
      stage.splice(random.below(stage.length + 1), 0, `# ${random.word()}`);
      return { project, named: file("Dockerfile") };
    },
  ],
  [
    "add an empty line to the Dockerfile",
    (project, random) => {
      random.pick(project.dockerfile).push("", "   ");
      return { project, named: file("Dockerfile") };
    },
  ],
  [
    "add an instruction",
    (project, random) => {
      project.dockerfile
        .at(-1)!
        .push(
          random.pick([
            "LABEL more=1",
            "EXPOSE 80",
            "USER 1",
            "WORKDIR /srv",
            "ENV A=1",
            "COPY package.json /",
            "STOPSIGNAL SIGINT",
          ]),
        );
      return dockerfileChanged(project);
    },
  ],
  [
    "remove an instruction",
    (project, random) => {
      const stage = random.pick(project.dockerfile.slice(1));
      if (stage.length < 3) return undefined;
      stage.splice(1 + random.below(stage.length - 1), 1);
      return dockerfileChanged(project);
    },
  ],
  [
    "swap two instructions",
    (project) => {
      const stage = project.dockerfile.at(-1)!;
      if (stage.length < 3) return undefined;
      [stage[1], stage[2]] = [stage[2]!, stage[1]!];
      return dockerfileChanged(project);
    },
  ],
  [
    "copy to another place",
    (project) => {
      const stage = project.dockerfile.at(-1)!;
      const at = stage.findIndex((line) => /^(COPY|ADD) [^[]/.test(line) && !line.includes("\n"));
      if (at < 0) return undefined;
      stage[at] = stage[at]!.replace(/(\S+)$/, "/elsewhere/");
      return dockerfileChanged(project);
    },
  ],
  [
    "change how the Dockerfile is written",
    (project) => {
      project.dockerfile = project.dockerfile.map((stage) =>
        stage.map((line) =>
          line
            .replace(/^COPY (?!\[)/, "copy \t ")
            .replace(/^(ARG|ENV|LABEL|EXPOSE) /, "$1 \\\n   ")
            .replace(/ (?=TITLE=)/, " \\\n\t# more\n  "),
        ),
      );
      return { project, named: file("Dockerfile") };
    },
  ],
  [
    "rename a stage",
    (project) => {
      const text = JSON.stringify(project.dockerfile);
      if (!/AS (build|base)/.test(text)) return undefined;
      project.dockerfile = JSON.parse(text.replace(/\b(AS |FROM |--from=)(build|base)\b/g, "$1$2er"));
      return { project, named: file("Dockerfile") };
    },
  ],
  [
    "edit an unused stage",
    (project) => {
      const stage = project.dockerfile.find((lines) => lines[0]?.endsWith("AS unused"));
      if (!stage) return undefined;
      stage.push("LABEL nobody=cares", "COPY package.json /");
      return { project, named: file("Dockerfile") };
    },
  ],
  [
    "build another target",
    (project) => {
      const names = project.dockerfile.flatMap((stage) => / AS (\S+)$/.exec(stage[0] ?? "")?.[1] ?? []);
      if (names.length === 0) return undefined;
      project.target = names.at(-1)!;
      return {
        project,
        named: input("dockerfile"),
        follows: (change) => anyFile(change) || input("args")(change),
      };
    },
  ],
  [
    "change an argument",
    (project, random) => {
      const names = Object.keys(project.args);
      if (names.length === 0) return undefined;
      const name = random.pick(names);
      project.args[name] = OTHER_VALUES[name] ?? random.word();
      // It may choose another stage.
      return {
        project,
        named: input("args"),
        follows: (change) => anyFile(change) || input("dockerfile")(change),
      };
    },
  ],
  [
    "give an argument that nobody declares",
    (project, random) => {
      project.args.NOBODY = random.word();
      return { project, named: input("args") };
    },
  ],
  [
    "change a label",
    (project, random) => {
      project.labels.team = random.word();
      return { project, named: input("labels") };
    },
  ],
  ...many(3, "add an ignore rule", (project, random) => {
    const path = fileIn(project, random);
    const parts = path.split("/");
    project.ignore.splice(
      random.below(project.ignore.length + 1),
      0,
      random.pick([
        path,
        `!${path}`,
        parts[0]!,
        `**/${parts.at(-1)}`,
        `${parts[0]}/**`,
        "nothing-like-it",
        `!**/${parts.at(-1)}`,
      ]),
    );
    return ignoreChanged(project);
  }),
  [
    "remove an ignore rule",
    (project, random) => {
      if (project.ignore.length < 2) return undefined;
      project.ignore.splice(random.below(project.ignore.length), 1);
      return ignoreChanged(project);
    },
  ],
  [
    "reverse the ignore rules",
    (project) => {
      if (project.ignore.length < 2) return undefined;
      project.ignore.reverse();
      return ignoreChanged(project);
    },
  ],
  [
    "move the ignore rules to the Dockerfile's own file",
    (project) => {
      if (project.ignore.length === 0) return undefined;
      project.ownIgnoreFile = !project.ownIgnoreFile;
      return ignoreChanged(project);
    },
  ],
];

/** Of arguments that stand for one of several things. */
const OTHER_VALUES: Record<string, string> = { DIR: "public", FIRST: "two", TARGETARCH: "amd64" };

function many(times: number, name: string, make: Maker): [string, Maker][] {
  return Array.from({ length: times }, () => [name, make]);
}

function filesOf(project: Project): string[] {
  return Object.keys(project.tree).filter((path) => project.tree[path]!.kind === "file");
}

const fileIn = (project: Project, random: Random): string => random.pick(filesOf(project));

/** A folder appears with its first file and disappears with its last. */
function parentOf(path: string): (change: Change) => boolean {
  return (change) => change.kind === "file" && path.startsWith(`${change.path}/`);
}

function dockerfileChanged(project: Project) {
  return {
    project,
    named: (change: Change) => input("dockerfile")(change) || file("Dockerfile")(change),
    follows: (change: Change) => anyFile(change) || input("args")(change),
  };
}

function ignoreChanged(project: Project) {
  return {
    project,
    named: (change: Change) => ignoring(change) || file(".dockerignore", "Dockerfile.dockerignore")(change),
    follows: anyFile,
  };
}

export type { Entry };
