/**
 * Translates a Go regular expression (RE2 syntax) to JavaScript, as far as ignore patterns need it.
 *
 * @returns undefined for anything else (`[[:alpha:]]`, `\pL`, …) and for what Go rejects
 */
export function toJsRegExp(source: string): RegExp | undefined {
  const chars = [...source];
  let js = "";
  for (let i = 0; i < chars.length; i++) {
    const c = chars[i]!;
    if (c === "\\") {
      const escaped = escapeOf(chars[++i]);
      if (escaped === undefined) return undefined;
      js += escaped;
    } else if (c === "[") {
      const end = classEnd(chars, i);
      if (end === undefined) return undefined;
      const body = classBody(chars.slice(i + 1, end));
      if (body === undefined) return undefined;
      js += `[${body}]`;
      i = end;
    } else js += c === "." ? "[^\\n]" : c === "]" ? "\\]" : c;
  }
  try {
    return new RegExp(js, "u");
  } catch {
    return undefined;
  }
}

/** The end of the class that opens at `start`; a `]` directly after `[` or `[^` is a member. */
function classEnd(chars: string[], start: number): number | undefined {
  let i = start + 1;
  if (chars[i] === "^") i++;
  if (chars[i] === "]") i++;
  for (; i < chars.length; i++) {
    if (chars[i] === "\\") i++;
    else if (chars[i] === "]") return i;
  }
  return undefined;
}

function classBody(chars: string[]): string | undefined {
  if (chars.join("").includes("[:")) return undefined;
  let body = "";
  for (let i = 0; i < chars.length; i++) {
    const c = chars[i]!;
    if (c === "\\") {
      const escaped = escapeOf(chars[++i]);
      if (escaped === undefined || /^\\[bB]$|^[$^]$/.test(escaped)) return undefined;
      body += escaped;
    } else body += c === "]" || c === "[" ? `\\${c}` : c;
  }
  return body;
}

function escapeOf(c: string | undefined): string | undefined {
  if (c === undefined) return undefined;
  if (/^[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e ]$/.test(c)) return `\\u{${c.charCodeAt(0).toString(16)}}`;
  const known: Record<string, string> = {
    a: "\\u{7}",
    A: "^",
    z: "$",
    s: "[\\t\\n\\f\\r ]",
    S: "[^\\t\\n\\f\\r ]",
  };
  return known[c] ?? (/^[fnrtvdDwWbB]$/.test(c) ? `\\${c}` : undefined);
}
