import { type DocumentOptions, type ParseOptions, parse, type SchemaOptions } from "yaml";
import type { ComposeDocument } from "../../../../core/compose/document";
import { type Rendering, renderCompose, storePath } from "../../../../core/compose/render";
import { mapTexts } from "../../../../core/records";
import type { Node } from "./read";

export const digest = `registry.example.com/shop-web@sha256:${"ab".repeat(32)}`;
export const fingerprint = "0123456789abcdef".repeat(4);

/** Renders a project with these services, and reads the text as a host's compose would. */
export function render(services: Node, more: Node = {}, rendering: Partial<Rendering> = {}): ComposeDocument {
  const document = { name: "shop", services, ...more } as ComposeDocument;
  const project = { name: "shop", services: [], files: [], document };
  return asRead(renderCompose(project, { images: {}, files: new Map(), ...rendering }));
}
/** As a host's compose reads it: `$$` in a text, but not in a key, is a dollar sign. */
export const asRead = (text: string, options?: ParseOptions & DocumentOptions & SchemaOptions) =>
  mapTexts(parse(text, options), (value) => value.replaceAll("$$", "$")) as ComposeDocument;
export const stored = (...keys: string[]) =>
  new Map(keys.map((key) => [key, storePath(fingerprint, `${key}.file`)] as const));
