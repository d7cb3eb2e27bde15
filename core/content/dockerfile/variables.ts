import { Unsure } from "./unsure";
import { SPACE } from "./words";

/** The variables that an instruction sees. Those that the file does not set may come from the base image. */
export class Variables {
  readonly #known: Map<string, string | undefined>;
  /** Whether the base image may have set others. */
  readonly open: boolean;

  constructor(open: boolean, known: Iterable<[string, string | undefined]> = []) {
    this.open = open;
    this.#known = new Map(known);
  }

  copy(): Variables {
    return new Variables(this.open, this.#known);
  }

  /** @param value undefined if the variable is set to an unknown value */
  set(name: string, value: string | undefined): void {
    this.#known.set(name, value);
  }

  has(name: string): boolean {
    return this.#known.has(name);
  }

  /** @throws Unsure if the value is unknown */
  get(name: string): string | undefined {
    const value = this.#known.get(name);
    if (value !== undefined) return value;
    if (this.#known.has(name) || this.open) throw new Unsure(`only the builder knows the value of $${name}`);
    return undefined;
  }
}

/**
 * Replaces the variables in a word and removes its quotes, like BuildKit's `shell.Lex`.
 *
 * @throws Unsure for an unknown value or form of substitution
 */
export function expand(word: string, variables: Variables, escapeChar: string): string {
  let i = 0;
  return until("");

  function until(stop: string): string {
    let out = "";
    for (; i < word.length; ) {
      const c = word[i]!;
      if (c === stop) {
        i++;
        return out;
      }
      if (c === "'") out += singleQuoted();
      else if (c === '"') out += doubleQuoted();
      else if (c === "$") out += dollar();
      else if (c === escapeChar) {
        out += word[i + 1] ?? "";
        i += 2;
      } else {
        out += c;
        i++;
      }
    }
    if (stop !== "") throw new Unsure(`${word} is not closed`);
    return out;
  }

  function singleQuoted(): string {
    const end = word.indexOf("'", i + 1);
    if (end < 0) throw new Unsure(`a quote in ${word} is not closed`);
    const text = word.slice(i + 1, end);
    i = end + 1;
    return text;
  }

  function doubleQuoted(): string {
    let out = "";
    for (i++; i < word.length; ) {
      const c = word[i]!;
      if (c === '"') {
        i++;
        return out;
      }
      if (c === "$") out += dollar();
      else if (c === escapeChar && ['"', "$", escapeChar].includes(word[i + 1]!)) {
        out += word[i + 1];
        i += 2;
      } else {
        out += c;
        i++;
      }
    }
    throw new Unsure(`a quote in ${word} is not closed`);
  }

  function dollar(): string {
    const plain = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(word.slice(i));
    if (plain && !/^[^\x00-\x7f]/.test(word.slice(i + plain[0].length))) {
      i += plain[0].length;
      return variables.get(plain[1]!) ?? "";
    }
    const braced = /^\$\{([A-Za-z_][A-Za-z0-9_]*)(}|:?[-+])/.exec(word.slice(i));
    if (!braced) {
      if (/^\$($|[\x00-\x7f])(?<![A-Za-z0-9_{@*#?$!-])/.test(word.slice(i))) {
        i++;
        return "$";
      }
      throw new Unsure(`${word} is a substitution that everfresh does not know`);
    }
    i += braced[0].length;
    const [, name, form] = braced;
    if (form === "}") return variables.get(name!) ?? "";
    const alternative = until("}");
    const value = variables.get(name!);
    const set = value !== undefined && !(form!.startsWith(":") && value === "");
    if (form!.endsWith("-")) return set ? value : alternative;
    return set ? alternative : "";
  }
}

/** A name and its value, with variables unreplaced. */
export interface Assignment {
  name: string;
  value: string | undefined;
}

/**
 * Reads an ARG: one or more of `NAME` and `NAME=value`.
 *
 * @throws Unsure
 */
export function declarations(text: string, escapeChar: string): Assignment[] {
  return splitWords(text, escapeChar).map((part) => {
    const at = part.indexOf("=");
    return at < 0 ? assignment(part, undefined) : assignment(part.slice(0, at), part.slice(at + 1));
  });
}

/**
 * Reads an ENV: one or more of `NAME=value`, or the old form `NAME value`.
 *
 * @throws Unsure
 */
export function assignments(text: string, escapeChar: string): Assignment[] {
  const old = /^([^=\s"']+)[\t\v\f\r ]+(.*)$/s.exec(text);
  return old ? [assignment(old[1]!, old[2]!)] : declarations(text, escapeChar);
}

/** The builder also replaces variables and removes quotes in names. That is not supported here. */
function assignment(name: string, value: string | undefined): Assignment {
  if (/['"$\\`]/.test(name)) throw new Unsure(`the name ${name} is quoted or has a variable`);
  return { name, value };
}

/** Splits at spaces outside quotes and keeps quotes and escapes. See BuildKit's `parseWords`. */
export function splitWords(text: string, escapeChar: string): string[] {
  const found: string[] = [];
  let word = "";
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === escapeChar && quote !== "'") word += c + (text[++i] ?? "");
    else if (quote === "" && SPACE.test(c)) {
      if (word !== "") found.push(word);
      word = "";
    } else {
      if (quote === "" && (c === "'" || c === '"')) quote = c;
      else if (c === quote) quote = "";
      word += c;
    }
  }
  return word === "" ? found : [...found, word];
}
