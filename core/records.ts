/**
 * Records whose keys other people choose. An object has names of its own before anybody sets one (`constructor`,
 * `__proto__`), so such a key is never looked up or set directly.
 */

/** The value under a key; undefined where the record itself does not have it. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The same keys with other values. */
export function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]));
}

/** Every text within a value replaced, and every key as well where `key` is given. */
export function mapTexts(
  value: unknown,
  text: (text: string) => string,
  key = (name: string) => name,
): unknown {
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return value.map((inner) => mapTexts(inner, text, key));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [key(name), mapTexts(inner, text, key)]),
  );
}
