/**
 * Encodes text as one word, as Go's template function `urlquery` does, except that `/`, `:` and `@` stay (see `inspected`
 * in remote/engine.sh).
 */

export const queryEscaped = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+")
    .replace(/%(2F|3A|40)/g, (c) => decodeURIComponent(c));

/** @returns undefined for a damaged word. */
export function queryUnescaped(word: string): string | undefined {
  try {
    return decodeURIComponent(word.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
