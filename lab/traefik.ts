import path from "node:path";
import { builtImage } from "./built-image";

/**
 * Builds the image that stands in for Traefik's own, which only Docker Hub has, unless it is there, and returns its tag (see
 * `builtImage`).
 */
export const traefikImage = (): Promise<string> =>
  builtImage({ name: "traefik", what: "Traefik", folder: path.join(__dirname, "traefik") });
