import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { ComposeProject } from "../../../core/compose/project";
import { renderCompose, storePath } from "../../../core/compose/render";

export const fingerprint = "ab".repeat(32);
export const image = `registry.example.com/shop-web@sha256:${fingerprint}`;

/** Compose's escape of a dollar sign, and back. */
export const escaped = (text: string) => text.replaceAll("$", "$$$$");
export const plain = (text: string) => text.replaceAll("$$", "$");

/** A document that compose reads exactly: JSON, in which every character that YAML may change is escaped. */
export const exactYaml = (document: unknown) =>
  JSON.stringify(document).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

export function write(file: string, content: string | Buffer): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** What a host's compose makes of the rendering. */
export function asOnAHost(folder: string, rendering: string): HostDocument {
  const file = write(path.join(folder, "host", "compose.yaml"), rendering);
  const args = ["compose", "-p", "shop", "-f", file, "config", "--format", "json"];
  const printed = execFileSync("docker", args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return JSON.parse(printed) as HostDocument;
}

export interface HostDocument {
  services: Record<string, HostService>;
  configs?: Record<string, { file: string }>;
  secrets?: Record<string, { file: string }>;
  networks?: Record<string, { labels?: Record<string, string>; driver_opts?: Record<string, string> }>;
}
export interface HostService {
  environment?: Record<string, string>;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  command?: string[];
  entrypoint?: string[];
  healthcheck?: { test: string[] };
  logging?: { options: Record<string, string> };
  user?: string;
  working_dir?: string;
}

export const places = (project: ComposeProject) =>
  new Map(project.files.map(({ key, name }) => [key, storePath(fingerprint, name)]));
export const rendered = (project: ComposeProject) =>
  renderCompose(project, {
    images: Object.fromEntries(project.services.map(({ name }) => [name, image])),
    files: places(project),
  });
