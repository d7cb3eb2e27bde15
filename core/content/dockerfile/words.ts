import { Unsure } from "./unsure";

/** What Go's `unicode.IsSpace` matches, which differs from JavaScript's `\s`. */
export const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/**
 * Splits shell text at spaces outside quotes and keeps quotes and escapes, as BuildKit does to find heredocs. There the
 * escape character is always a backslash, whatever the file declares.
 *
 * @throws Unsure if a quote or a substitution is not closed: BuildKit then stops searching, but a later version may not
 */
export function words(text: string, line: number): string[] {
  const found: string[] = [];
  let word = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\") word += c + (text[++i] ?? "");
    else if (c === "'" || c === '"') {
      const end = quoteEnd(text, i, c);
      if (end === undefined) throw new Unsure(`a quote in line ${line} is not closed, beside a heredoc`);
      word += text.slice(i, end + 1);
      i = end;
    } else if (c === "$" && text[i + 1] === "{") {
      const end = text.indexOf("}", i);
      if (end < 0) throw new Unsure(`a substitution in line ${line} is not closed, beside a heredoc`);
      word += text.slice(i, end + 1);
      i = end;
    } else if (c === "<" && text[i + 1] === "<" && text[i + 2] !== "<") {
      // Spaces are allowed between `<<` and the name.
      const space = /^<<[ \t]*/.exec(text.slice(i))![0];
      word += space;
      i += space.length - 1;
    } else if (/\s/.test(c)) {
      if (word !== "") found.push(word);
      word = "";
    } else word += c;
  }
  return word === "" ? found : [...found, word];
}

function quoteEnd(text: string, start: number, quote: string): number | undefined {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\" && quote === '"') i++;
    else if (text[i] === quote) return i;
  }
  return undefined;
}
