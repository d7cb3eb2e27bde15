import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { type PushedImage, repositories } from "../core/images";
import { Problems, problem } from "../core/problems";
import type { Settings } from "../core/settings";
import type { Facts } from "../preflight";
import { makeBuildFolder } from "./build-folder";
import { ContentImage } from "./content-image";
import { RegistryPush } from "./registry-push";
import { outputsOf, type StackOutputs } from "./stack-outputs";

/** An image as the stack's outputs name it, its digest known once it is pushed. */
export type ServiceImage = Omit<PushedImage, "digest" | "ref"> & {
  digest: pulumi.Output<string>;
  ref: pulumi.Output<string>;
};

/** Builds and pushes the image of each service whose content is new; the others are as they were. */
export function buildImages(
  settings: Settings,
  facts: Facts,
  previous: StackOutputs,
): Record<string, ServiceImage> {
  const registry = settings.registry!;
  const services = facts.project.services.filter(({ name }) => facts.contents[name]);
  const names = services.map(({ name }) => name);
  const pushTo = repositories(registry.address, facts.project.name, names);
  const pullFrom = repositories(registry.pullAddress, facts.project.name, names);
  const folders = path.join(".everfresh", "build", pulumi.getStack());

  return Object.fromEntries(
    services.map(({ name, build, buildOptions }) => {
      const { content, cause } = facts.contents[name]!;
      const building = cause !== undefined;
      const options = {
        ...buildOptions,
        noCache: buildOptions.noCache || settings.fresh !== undefined,
        pull: buildOptions.pull || settings.pullBase,
      };

      const image = new ContentImage(name, {
        build: build!,
        options,
        content,
        repository: pushTo[name]!,
        folder: makeBuildFolder(folders, name, build!, options.secrets),
        building: building && !pulumi.runtime.isDryRun(),
      });
      const tag =
        settings.tag && !settings.uniqueTag
          ? settings.tag
          : building
            ? facts.provenance.tag
            : previous.images![name]!.tag;
      const push = new RegistryPush(name, {
        image: image.image,
        imageId: image.imageId,
        content,
        repository: pushTo[name]!,
        tag,
        registry,
      });
      if (building) void pulumi.log.info(`${name}: ${cause}`, image);
      return [
        name,
        { content, tag, digest: push.digest, ref: pulumi.interpolate`${pullFrom[name]}@${push.digest}` },
      ];
    }),
  );
}

/** The images that another stack has proved: nothing is built. */
export async function promotedImages(
  stack: string,
  settings: Settings,
  facts: Facts,
): Promise<Record<string, ServiceImage>> {
  const { images = {}, hosts = {} } = await outputsOf(stack);
  const where = "everfresh:promoteFrom";
  if (Object.keys(hosts).length === 0) {
    throw new Problems([
      problem(where, `stack ${stack} has deployed nothing yet`, "deploy it first, or correct the name"),
    ]);
  }
  const built = facts.project.services.filter(({ build }) => build).map(({ name }) => name);
  const missing = built.filter((name) => !images[name]);
  if (missing.length > 0) {
    throw new Problems(
      missing.map((name) =>
        problem(where, `stack ${stack} has no image of ${name}`, `deploy ${name} there first`),
      ),
    );
  }
  const pullFrom = repositories(settings.registry!.pullAddress, facts.project.name, built);
  return Object.fromEntries(
    built.map((name) => {
      const { content, digest, tag } = images[name]!;
      return [
        name,
        { content, tag, digest: pulumi.output(digest), ref: pulumi.output(`${pullFrom[name]}@${digest}`) },
      ];
    }),
  );
}
