import * as pulumi from "@pulumi/pulumi";
import { secretArguments } from "../core/compose/secret-args";
import { remarks } from "../core/content";
import { contentTag, movedTo, type PushedImage, repositories } from "../core/images";
import { Problems, problem, refuse } from "../core/problems";
import { own } from "../core/records";
import { sharedBuilds } from "../core/release/shared-builds";
import type { Settings } from "../core/settings";
import type { Facts } from "../preflight";
import { makeBuildFolder } from "./build-folder";
import { basesOf, isPinned } from "./built-bases";
import { ContentImage } from "./content-image";
import { RegistryPush } from "./registry-push";
import type { StackOutputs } from "./stack-outputs";

/** An image as the stack's outputs name it, its digest known once it is pushed, or beforehand. */
export type ServiceImage = Omit<PushedImage, "digest" | "ref"> & {
  digest: pulumi.Input<string>;
  ref: pulumi.Input<string>;
};

/** Builds and pushes each content that is new, once; all other images are as they were. */
export function buildImages(
  settings: Settings,
  facts: Facts,
  previous: StackOutputs,
): Record<string, ServiceImage> {
  const registry = settings.registry!;
  // Those first that others are built upon.
  const names = Object.keys(facts.contents);
  const pushTo = repositories(registry.address, facts.project.name, names);
  const pullFrom = repositories(registry.pullAddress, facts.project.name, names);

  const builds = Object.entries(facts.contents).map(([name, { plan, identity, cause, found, noCache }]) => {
    const buildsWithoutCache = noCache && cause !== undefined && found === undefined;
    return { service: name, spec: plan.build, identity, buildsWithoutCache };
  });
  const warnings = builds.flatMap(({ service, spec }) => secretArguments(service, spec.args));
  for (const warning of [...warnings, ...remarks(builds)]) void pulumi.log.warn(warning);

  const shared = sharedBuilds(facts.contents);
  const fresh = settings.fresh === undefined ? {} : { fresh: settings.fresh };
  const images: Record<string, ServiceImage> = {};
  const imageOf = (name: string): ServiceImage => {
    const known = own(facts.contents, name)!;
    const { content, cause, found, noCache, changedSince } = known;
    const { build, buildOptions } = known.plan;
    const before = cause === undefined ? own(previous.images, name) : undefined;
    if (found !== undefined) {
      if (cause)
        void pulumi.log.info(`${name}: ${cause}; the registry has this content, so nothing is built`);
      const ref = before ? movedTo(registry.pullAddress, before.ref) : `${pullFrom[name]}@${found}`;
      const tag = before?.tag ?? contentTag(content);
      return { content, tag, digest: pulumi.output(found), ref: pulumi.output(ref), ...fresh };
    }

    const built = before?.built ?? new Date().toISOString();
    const pull = buildOptions.pull || settings.pullBase;
    const options = { ...buildOptions, noCache, pull };
    const buildsNow = cause !== undefined && !pulumi.runtime.isDryRun();
    const { secrets } = options;
    const folder = makeBuildFolder(pulumi.getStack(), name, build, content, secrets, {
      pinned: isPinned(known),
      builds: buildsNow,
    });
    const image = new ContentImage(name, {
      build,
      options,
      content,
      built,
      repository: pushTo[name]!,
      folder,
      bases: basesOf(
        { service: name, content: known, imageOf: make, registry, builds: buildsNow, pull },
        folder,
      ),
      ...(buildsNow ? { changedSince } : {}),
    });
    if (cause) void pulumi.log.info(`${name}: ${cause}`, image);
    // It moves with the content: the engine here may not have an image that is as it was, and could not tag it.
    const tag = before?.tag ?? facts.provenance.tag;
    const { digest } = new RegistryPush(name, {
      image: image.image,
      imageId: image.imageId,
      content,
      repository: pushTo[name]!,
      tag,
      registry,
    });
    const ref = pulumi.interpolate`${pullFrom[name]}@${digest}`;
    return { content, tag, digest, ref, built, ...(noCache ? { noCache } : {}), ...fresh };
  };

  const copyOf = (other: string, name: string): ServiceImage => {
    const { cause } = own(facts.contents, name)!;
    void pulumi.log.info(`${name}: ${cause}; its content is that of ${other}, and so is its image`);
    const { content, tag, digest, ref } = make(other);
    return { content, tag, digest, ref, ...fresh };
  };
  function make(name: string): ServiceImage {
    const other = own(shared, name);
    images[name] ??= other === undefined ? imageOf(name) : copyOf(other, name);
    return images[name];
  }
  for (const name of names) make(name);
  return images;
}

/**
 * The images that the stack built last, remembered while an earlier release is pinned: what is known of them is known
 * after it, too. That they were built here is not: with the pin their builds leave the state, and they are what the
 * registry has already.
 */
export function keptImages({ images = {} }: StackOutputs): Record<string, PushedImage> {
  return Object.fromEntries(
    Object.entries(images).map(([name, { built: _, noCache: __, ...image }]) => [name, image]),
  );
}

/**
 * The images that another stack has proved: nothing is built.
 *
 * @param promoted - what that stack says of itself.
 * @throws Problems for a stack that has deployed nothing, and for each image that not all of its hosts have proved; the
 * latest one may only have been built.
 */
export function promotedImages(
  stack: string,
  settings: Settings,
  facts: Facts,
  promoted: StackOutputs,
): Record<string, ServiceImage> {
  const { images = {}, hosts = {} } = promoted;
  const where = "everfresh:promoteFrom";
  const proofs = Object.values(hosts).filter((host) => host?.verifiedAt);
  if (proofs.length === 0) {
    throw new Problems([
      problem(where, `stack ${stack} has deployed nothing yet`, "deploy it first, or correct the name"),
    ]);
  }
  const built = facts.project.services.filter(({ build }) => build);
  refuse(
    built.flatMap(({ name, replicas }) => {
      const image = own(images, name);
      if (!image)
        return problem(where, `stack ${stack} has no image of ${name}`, `deploy ${name} there first`);
      // Without a container there is nothing to prove.
      if (replicas === 0 || proofs.every(({ services }) => own(services, name)?.digest === image.digest))
        return [];
      const what = `stack ${stack} has not proved its latest image of ${name}`;
      return problem(where, what, "deploy it there first");
    }),
  );
  return Object.fromEntries(
    built.map(({ name }) => {
      const { content, digest, tag, ref } = own(images, name)!;
      return [name, { content, tag, digest, ref: movedTo(settings.registry!.pullAddress, ref) }];
    }),
  );
}
