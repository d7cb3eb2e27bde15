/**
 * Texts as one word, as `inspected` in remote/engine.sh gives what Go's template function `urlquery` wrote: `/`, `:` and `@` are
 * as they are.
 */

export const queryEscaped = (text: string): string =>
  encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+")
    .replace(/%(2F|3A|40)/g, (c) => decodeURIComponent(c));

/** @returns undefined for a word that is damaged. */
export function queryUnescaped(word: string): string | undefined {
  try {
    return decodeURIComponent(word.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
