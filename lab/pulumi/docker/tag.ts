import { type Properties, unknown } from "../plugin/properties";
import type { ResourceType } from "../provider/resource-type";
import { findImage, tagImage } from "./engine";
import { withDefaults, withoutNote } from "./terraform";

/** Another name for an image. */
export const tag: ResourceType = {
  inputs: { sourceImage: true, targetImage: true },
  replaces: () => true,
  check: (inputs) => ({ inputs: withDefaults(inputs) }),
  preview: (inputs) => ({ ...withoutNote(inputs), id: unknown, sourceImageId: unknown }),
  async create(inputs) {
    const { sourceImage, targetImage } = inputs as Properties & { sourceImage: string; targetImage: string };
    await tagImage(sourceImage, targetImage);
    const image = await findImage(sourceImage);
    const id = `${sourceImage}.${targetImage}`;
    return { id, properties: { ...withoutNote(inputs), id, sourceImageId: image?.Id ?? "" } };
  },
};
