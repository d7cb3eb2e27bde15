import { LineCounter, parseDocument } from "yaml";
import { Problems, problem } from "./problems";

/**
 * Reads YAML that may contain a secret: messages give the place of an error and never quote the text.
 *
 * @param file the name that messages use.
 * @throws Problems
 */
export function parseYaml(text: string, file: string): unknown {
  const places = new LineCounter();
  let where = file;
  try {
    const document = parseDocument(text, { lineCounter: places, prettyErrors: false });
    const [error] = document.errors;
    if (error === undefined) return document.toJS();
    const { line, col } = places.linePos(error.pos[0]);
    where = `${file}:${line}:${col}`;
  } catch {} // an undefined or circular alias, or too deep a nesting
  throw new Problems([problem(where, "cannot be read as YAML", "correct it there")]);
}

/**
 * Reads JSON that may contain a secret; Node's own message would quote the text.
 *
 * @throws Problems
 */
export function parseJson(text: string, where: string, todo: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problems([problem(where, "cannot be read as JSON", todo)]);
  }
}
