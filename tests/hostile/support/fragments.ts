import fc from "fast-check";
import { canary } from "./box";

/**
 * The vocabulary of hostile inputs, for all surfaces: pieces of text that something on the way may take for more than
 * text, and ways to put them together.
 */

/** Stands where a secret stands; no message may contain it. */
export const secret = "s3cr3t-b7Qd";

const touch = `touch ${canary}`;

/** What shells, sed, awk and here-documents may take for commands. */
export const commands = [
  `$(${touch})`,
  `\`${touch}\``,
  `;${touch};`,
  `\n${touch}\n`,
  `\r\n${touch}\r\n`,
  `'; ${touch}; '`,
  `"; ${touch}; "`,
  `'"; ${touch} #`,
  `'"'"'; ${touch}; :'`,
  `\\'; ${touch}; \\'`,
  `|${touch}`,
  `&& ${touch} &&`,
  `||${touch}||`,
  `& ${touch} &`,
  `>${canary}`,
  `<(${touch})`,
  `$((a[$(${touch})]))`,
  `\${x:=$(${touch})}`,
  `$'\\x27;${touch};'`,
  `}\n${touch}\n{`,
  `)\n${touch}\n(`,
  `\nEVERFRESH_PAYLOAD\n}\n${touch}\n`,
  `\nEOF\n${touch}\n`,
  `/e ${touch}`,
  `/e ${touch} #/`,
  `/;s/.*/${touch.replaceAll("/", "\\/")}/e;#`,
  `/\n1e ${touch}\n#`,
  `/;w ${canary}\n`,
  `" ; system("${touch}") ; "`,
  `");system("${touch}");("`,
  `' ; BEGIN { system("${touch}") } ; '`,
  `\\";system(\\"${touch}\\");\\"`,
  "$(touch everfresh-canary)",
  ";touch everfresh-canary;",
];

/** Words that a program may take for its own options. */
export const options = [
  `--exec=${touch}`,
  `-oProxyCommand=${touch}`,
  `--upload-pack=${touch}`,
  `--config-env=core.pager=${touch}`,
  `-e${touch}`,
  "--file=/etc/passwd",
  "--help",
  "--version",
  "--cwd=/",
  "--show-secrets",
  "--host=tcp://127.0.0.1:1",
  "--privileged",
  "-v/:/host",
  "-n",
  "-e",
  "-rf",
  "-",
  "--",
  "--=",
];

/** What readers of YAML and JSON, and templates, may take for structure. */
export const structure = [
  `!!js/function 'function(){}'`,
  `!!python/object/apply:os.system ["${touch}"]`,
  "!!binary aGk=",
  "!<tag:yaml.org,2002:str> a",
  "*alias",
  "&anchor a",
  "<<: *a",
  "<<",
  "- a",
  "? a",
  "# a",
  " #",
  ": ",
  "a: b",
  "|",
  "|2-",
  ">-\n a",
  "%YAML 1.2",
  "---",
  "...",
  "\n---\n",
  "{a: b}",
  "[a, b]",
  '{"a":1}',
  '","a":"',
  '"}',
  "'",
  '"',
  "\\",
  "\\n",
  "\\u0000",
  "\\x1b",
  "@a",
  "`",
  "{{.}}",
  "{{json .}}",
  `{{printf "%s" "a"}}`,
  "${CANARY:-x}",
  "${X?no}",
  "${",
  "$X",
  "$$",
  "$",
  "$$$",
  "$(X)",
  "%s%n%d",
  "%PATH%",
  "|",
  "||",
  "=",
  ",",
  "<!--",
  "<script>",
];

/** Plain words that some reader of YAML takes for something else than a text. */
export const scalars = [
  "",
  " ",
  "yes",
  "no",
  "on",
  "off",
  "y",
  "n",
  "true",
  "False",
  "null",
  "~",
  "NULL",
  `0x${"ab".repeat(32)}`,
  "0x1F",
  "0b11",
  "0o777",
  "0777",
  "08",
  "7e12345",
  "1e400",
  "1e3",
  "-1e-400",
  "1:30",
  "190:20:30.15",
  "1_000",
  "+1",
  "-0",
  ".5",
  "5.",
  ".inf",
  "-.INF",
  ".nan",
  "NaN",
  "Infinity",
  "2001-01-01",
  "2001-12-14t21:59:43.10-05:00",
  "9007199254740993",
  "18446744073709551616",
  "-1",
  "0",
  "65536",
  "2147483648",
  "\u0661",
  " 1",
  "1 ",
];

/** What leads out of a folder. */
export const paths = [
  "..",
  ".",
  "../",
  "../../outside",
  "../../outside/file",
  "../../../../../../../../etc/passwd",
  "/etc/passwd",
  "/proc/self/environ",
  "/",
  "//x",
  "~",
  "~/x",
  "~root/x",
  "a/../../b",
  "./-x",
  "x/",
  "C:\\x",
  "..\\..\\x",
  "file:///etc/passwd",
  "*",
  "?",
  "[a-z]",
];

/** What an object of JavaScript has without being asked, and what some readers make of a key. */
export const names = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "isPrototypeOf",
  "__defineGetter__",
  "__lookupSetter__",
  "length",
  "name",
  "then",
  "toJSON",
  "default",
  "0",
  "-1",
  "null",
  "undefined",
];

/** What a terminal, or the reader of a line, takes for more than a character. No NUL. */
export const controls = [
  "\r",
  "\n",
  "\r\n",
  "\t",
  "\b\b\b",
  "\u0007",
  "\u000b",
  "\f",
  "\u0001",
  "\u001b[2J\u001b[H",
  "\u001b[31mred",
  "\u001b]0;title\u0007",
  "\u001b]52;c;dG91Y2g=\u0007",
  "\u001b]8;;http://evil.example\u001b\\x",
  "\u001bP$q\u001b\\",
  "\u009b31m",
  "\u009d0;x\u009c",
  "\u007f",
  "\u0085",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u2066",
  "\u200f",
  "\u200b",
  "\ufeff",
  "\ufffe",
  "\uffff",
];

/** Half a character: no text, and nothing that UTF-8 can say. */
const halves = ["\ud800", "\udc00", "\udfff\ud800", "a\ud83d"];

const long = [
  "a".repeat(70_000),
  "../".repeat(3000),
  "[".repeat(5000),
  '{"a":'.repeat(3000),
  "$(".repeat(2000),
];

const oneOf = (words: readonly string[]) => fc.constantFrom(...words);

/** One piece of the vocabulary. */
const fragment = fc.oneof(
  { weight: 5, arbitrary: oneOf(commands) },
  { weight: 3, arbitrary: oneOf(options) },
  { weight: 4, arbitrary: oneOf(structure) },
  { weight: 4, arbitrary: oneOf(scalars) },
  { weight: 3, arbitrary: oneOf(paths) },
  { weight: 2, arbitrary: oneOf(names) },
  { weight: 4, arbitrary: oneOf(controls) },
  { weight: 2, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary-ascii", maxLength: 12 }) },
);
const strange = fc.oneof({ weight: 6, arbitrary: fragment }, oneOf(["\0", ...halves]));

const together = (pieces: fc.Arbitrary<string>) =>
  fc.oneof(
    pieces,
    fc.array(pieces, { minLength: 2, maxLength: 4 }).map((all) => all.join("")),
  );

/** A text that a program can be given: no NUL, whole characters, of any length. */
export const text: fc.Arbitrary<string> = fc
  .oneof({ weight: 60, arbitrary: together(fragment) }, { weight: 1, arbitrary: oneOf(long) })
  .filter((each) => !each.includes("\0") && each.isWellFormed());

/** The same without the longest ones: for where many of them go into one document. */
export const shortText = text.filter((each) => each.length < 3000);

/** The same in one line, without control characters. */
export const line = shortText.filter((each) => !/[\p{Cc}\u2028\u2029]/u.test(each));

/** A text with anything in it. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 60, arbitrary: together(strange) },
  { weight: 1, arbitrary: oneOf(long) },
);

/** A name as compose allows it for services, configs, secrets, networks and volumes. */
export const composeName: fc.Arbitrary<string> = fc.oneof(
  oneOf([...names, ...scalars, ...paths, ...options].filter((name) => /^[a-zA-Z0-9._-]+$/.test(name))),
  fc.stringMatching(/^[a-zA-Z0-9._-]{1,12}$/),
);

/** Numbers at the edges. */
const numbers = fc.constantFrom(0, -0, -1, 1, 0.5, 65535, 65536, 2 ** 31, 2 ** 53 + 2, 1e308, -1e308, 5e-324);

const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

/** Any value that JSON can say, names included. */
export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: anyText },
    { weight: 2, arbitrary: numbers },
    { weight: 2, arbitrary: fc.constantFrom(null, true, false) },
    { weight: 2, arbitrary: fc.array(tie("value"), { maxLength: 3 }) },
    { weight: 2, arbitrary: tie("object") },
    { weight: 1, arbitrary: fc.constantFrom(1, 50, 3000).map(deep) },
  ),
  object: fc
    .array(fc.tuple(fc.oneof(oneOf(names), anyText), tie("value")), { maxLength: 3 })
    .map((entries) => Object.fromEntries(entries)),
})).value;

type Key = string | number;

/** The places of all values in a document, as far as a good one is deep. */
function places(value: unknown, at: Key[] = []): Key[][] {
  if (typeof value !== "object" || value === null || at.length > 10) return [at];
  const keys: Key[] = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [at, ...keys.flatMap((key) => places((value as Record<Key, unknown>)[key], [...at, key]))];
}

type Damage = { how: "replace" | "remove" | "add"; place: number; name: string; value: unknown };

function damage(document: unknown, { how, place, name, value }: Damage): unknown {
  const all = places(document);
  const [first, ...rest] = all[place % all.length]!;
  if (first === undefined) return how === "replace" && place % 7 === 0 ? value : document;
  const change = (node: unknown, key: Key, [next, ...further]: Key[]): unknown => {
    const entries: [Key, unknown][] = Array.isArray(node)
      ? [...node.entries()]
      : Object.entries(node as object);
    const changed = entries.flatMap(([at, inner]): [Key, unknown][] => {
      if (at !== key) return [[at, inner]];
      if (next !== undefined) return [[at, change(inner, next, further)]];
      return how === "remove" ? [] : [[at, how === "replace" ? value : inner]];
    });
    if (next === undefined && how === "add") changed.push([name, value]);
    return Array.isArray(node) ? changed.map(([, inner]) => inner) : Object.fromEntries(changed);
  };
  return change(document, first, rest);
}

/** A good document with something in it replaced, removed or added. */
export function damaged(document: unknown, values: fc.Arbitrary<unknown> = json): fc.Arbitrary<unknown> {
  const one = fc.record({
    how: fc.constantFrom(
      "replace" as const,
      "replace" as const,
      "replace" as const,
      "remove" as const,
      "add" as const,
    ),
    place: fc.nat(10_000),
    name: fc.oneof(oneOf(names), anyText),
    value: values,
  });
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((all) => all.reduce(damage, document));
}

/** A good text cut off, with something put into it, or with a piece of it twice. */
export function damagedText(good: string, pieces: fc.Arbitrary<string> = anyText): fc.Arbitrary<string> {
  const at = fc.nat(good.length);
  return fc.oneof(
    at.map((end) => good.slice(0, end)),
    fc.tuple(at, pieces).map(([place, piece]) => good.slice(0, place) + piece + good.slice(place)),
    fc
      .tuple(at, at, pieces)
      .map(([a, b, piece]) => good.slice(0, Math.min(a, b)) + piece + good.slice(Math.max(a, b))),
    fc.tuple(at, at).map(([a, b]) => good.slice(0, a) + good.slice(b)),
    pieces,
  );
}

/** Bytes that are text here and there. */
export const bytes: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      anyText.map((each) => Buffer.from(each)),
      fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each)),
      fc.constantFrom(Buffer.from([0xff, 0xfe]), Buffer.from([0xc0, 0xaf]), Buffer.from([0xed, 0xa0, 0x80])),
    ),
    { maxLength: 4 },
  )
  .map((pieces) => Buffer.concat(pieces));
