/**
 * Records whose keys users choose. An object has inherited names such as `constructor` and `__proto__`, so these records are
 * never read or written by key directly.
 */

/** The value under a key; undefined if the record itself does not have it. */
export function own<T>(record: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** A record with the same keys and other values. */
export function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  f: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value, key)]));
}

/** A value with every string in it replaced, and every key too if `key` is given. */
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
