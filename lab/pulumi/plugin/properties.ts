import { Struct } from "google-protobuf/google/protobuf/struct_pb";

/** A property value as it travels between the engine and its plugins: JSON in which secrets and unknown values are marked. */
export type Value = null | boolean | number | string | Value[] | Properties;
export interface Properties {
  [name: string]: Value;
}

/** Stands for a value that preview does not know yet (`UnknownStringValue` in sdk/go/common/resource/plugin of Pulumi). */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** The key that turns an object into a marked value, and its marks (sdk/go/common/resource/sig of Pulumi). */
const signature = "4dabf18193072939515e22adb298388d";
const secretMark = "1b47061264138c4ac30d75fd1eb44270";
const outputMark = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

export const fromStruct = (struct?: Struct): Properties => (struct?.toJavaScript() ?? {}) as Properties;
export const toStruct = (properties: Properties): Struct => Struct.fromJavaScript(properties);

export const isObject = (value: Value | undefined): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value of a secret; undefined if it is not one. */
const underMark = (value: Value): Value | undefined =>
  isObject(value) && value[signature] === secretMark ? value.value : undefined;

/** Whether it is a secret or another marked value, which is compared as a whole. */
export const isMarked = (value: Value): boolean => isObject(value) && Object.hasOwn(value, signature);

/** Marks a value as secret, unless it is marked already. */
export const secret = (value: Value): Value =>
  underMark(value) === undefined ? { [signature]: secretMark, value } : value;

/** Marks a value as secret. A value that is not known yet is marked as an output that will be secret. */
export const secretOutput = (value: Value): Value =>
  value === unknown ? { [signature]: outputMark, secret: true } : secret(value);

/** The value of a secret, or the value itself. */
export const revealed = (value: Value): Value => underMark(value) ?? value;

/** Removes the marks of secrets, at any depth. */
export function plain<T extends Value>(value: T): T;
export function plain(value: Value): Value {
  const hidden = underMark(value);
  if (hidden !== undefined) return plain(hidden);
  if (Array.isArray(value)) return value.map((item) => plain(item));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
