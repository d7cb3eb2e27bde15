import type { Command, Option } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** One verb, as the scripts below need it. */
interface Verb {
  name: string;
  description: string;
  options: Flag[];
  /** What its arguments can be, if that is a fixed list. */
  words: string[];
}

interface Flag {
  names: string[];
  description: string;
  /** What follows it, if anything does. */
  value?: "file" | "text";
}

/**
 * A script that completes a program's verbs and options, made from commander's own definition of them. It starts nothing: to ask
 * the program at each key would take it longer than somebody waits.
 */
export function completion(program: Command, shell: Shell): string {
  const verbs = program.commands.map(
    (command): Verb => ({
      name: command.name(),
      description: command.description(),
      options: [
        ...command.options.filter(({ hidden }) => !hidden).map(flagOf),
        { names: ["-h", "--help"], description: "show its options" },
      ],
      words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    }),
  );
  return { bash, zsh, fish }[shell](program.name(), verbs);
}

function flagOf({ short, long, description, required, optional, flags }: Option): Flag {
  const names = [short, long].filter((name) => name !== undefined);
  if (!required && !optional) return { names, description };
  return { names, description, value: /[<[][^>\]]*file/.test(flags) ? "file" : "text" };
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function bash(program: string, verbs: readonly Verb[]): string {
  const after = (kind: Flag["value"]) =>
    verbs.flatMap(({ name, options }) =>
      options
        .filter(({ value }) => value === kind)
        .flatMap(({ names }) => names.map((flag) => quoted(`${name} ${flag}`))),
    );
  const words = verbs.map(
    ({ name, options, words }) =>
      `    ${name}) words=${quoted([...words, ...options.flatMap(({ names }) => names)].join(" "))} ;;`,
  );
  // Works with bash 3.2 too, which macOS has; compopt came with 4.0.
  return `# bash completion for ${program}
_${program}() {
  local word=\${COMP_WORDS[COMP_CWORD]} words='' IFS=$' \\t\\n'
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=${quoted([...verbs.map(({ name }) => name), "--help", "--version"].join(" "))}
  else
    case "\${COMP_WORDS[1]} \${COMP_WORDS[COMP_CWORD-1]}" in
    ${after("file").join(" | ")})
      compopt -o filenames 2>/dev/null
      IFS=$'\\n'
      COMPREPLY=($(compgen -f -- "$word"))
      return
      ;;
    ${after("text").join(" | ")}) return ;;
    esac
    case \${COMP_WORDS[1]} in
${words.join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _${program} ${program}
`;
}

function zsh(program: string, verbs: readonly Verb[]): string {
  const inBrackets = (text: string) => text.replace(/[\\[\]:]/g, "\\$&");
  const specification = ({ names, description, value }: Flag) => {
    const exclusive = names.length > 1 ? `${quoted(`(${names.join(" ")})`)}{${names.join(",")}}` : names[0];
    const action = value === undefined ? "" : value === "file" ? ":file:_files" : ":value: ";
    return `${exclusive}${quoted(`[${inBrackets(description)}]${action}`)}`;
  };
  const cases = verbs.map(({ name, options, words }) => {
    const given = words.length > 0 ? [quoted(`1:argument:(${words.join(" ")})`)] : [];
    return `  ${name})\n    _arguments -S ${[...options.map(specification), ...given].join(" \\\n      ")}\n    ;;`;
  });
  const described = verbs.map(
    ({ name, description }) => `    ${quoted(`${name}:${description.replace(/[\\:]/g, "\\$&")}`)}`,
  );
  return `#compdef ${program}
compdef _${program} ${program}

_${program}() {
  local -a verbs
  verbs=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
${cases.join("\n")}
  esac
}

# Loaded through $fpath, the file is the function itself.
if [ "$funcstack[1]" = _${program} ]; then
  _${program} "$@"
fi
`;
}

function fish(program: string, verbs: readonly Verb[]): string {
  const text = (words: string) => `'${words.replace(/[\\']/g, "\\$&")}'`;
  const line = (...words: string[]) => `complete -c ${program} ${words.filter(Boolean).join(" ")}`;
  const option = (verb: string, { names, description, value }: Flag) =>
    line(
      `-n '__fish_seen_subcommand_from ${verb}'`,
      ...names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)),
      value === undefined ? "" : value === "file" ? "-rF" : "-x",
      `-d ${text(description)}`,
    );
  return `${[
    `# fish completion for ${program}`,
    line("-f"),
    ...verbs.flatMap(({ name, description, options, words }) => [
      line("-n __fish_use_subcommand", `-a ${name}`, `-d ${text(description)}`),
      ...words.map((word) => line(`-n '__fish_seen_subcommand_from ${name}'`, `-a ${word}`)),
      ...options.map((each) => option(name, each)),
    ]),
  ].join("\n")}\n`;
}
