import * as random from "@pulumi/random";
import { tidyBuildCache } from "./components/build-cache";
import { ComposeDeploy } from "./components/compose-deploy";
import { endWithTheEngine } from "./components/engine-gone";
import { HostTeardown } from "./components/host-teardown";
import { Lineage } from "./components/lineage";
import { keptRelease, Release } from "./components/release";
import { buildImages, keptImages, promotedImages } from "./components/service-images";
import { outputsOf, previousOutputs, stackName } from "./components/stack-outputs";
import { withoutStackTrace } from "./components/user-error";
import { readSettings } from "./config";
import { publishedUrls } from "./core/urls";
import { preflight } from "./preflight";
import { layersOf } from "./preflight/layers";

async function program() {
  const settings = await readSettings();
  const asked = previousOutputs();
  const lineage = new Lineage();
  const promoted = settings.promoteFrom && !settings.release ? outputsOf(settings.promoteFrom) : undefined;
  promoted?.catch(() => {}); // Told by whoever waits for it.
  const facts = await preflight(settings, asked, () => lineage.known(), stackName(), promoted);
  const previous = await asked;
  const { project, files, hostPaths, followed, provenance } = facts;

  const images = settings.release
    ? keptImages(previous)
    : promoted
      ? promotedImages(settings.promoteFrom!, settings, facts, await promoted)
      : buildImages(settings, facts, previous);

  // It outlives a pinned release: with another key every file would be another after it.
  const key = new random.RandomBytes("release-fingerprint-key", { length: 32 }).hex;
  const release = settings.release
    ? keptRelease(settings.release, project.name, provenance, previous.layers)
    : new Release("release", {
        project,
        files,
        hostPaths,
        images,
        followed,
        forceRecreate: settings.forceRecreate,
        key,
        provenance,
        previous,
        layersOf: (image, platform) => layersOf(image, platform, settings),
      });

  const hosts = facts.hosts.map(({ host, judgement }) => {
    const teardown = new HostTeardown(host.name, {
      host,
      project: project.name,
      lineage: lineage.id,
      settings,
    });
    const deploy = new ComposeDeploy(
      host.name,
      { host, release, lineage: lineage.id, judgement, settings },
      { dependsOn: teardown },
    );
    return [host.name, deploy.result] as const;
  });

  return {
    project: project.name,
    release: release.id,
    ...(release.provenance ? { tag: release.provenance.tag, source: release.provenance } : {}),
    images,
    ...followedOutput(settings.release ? previous.followed : followed),
    hosts: tidyBuildCache(facts, Object.fromEntries(hosts)),
    urls: publishedUrls(project, settings.hosts),
    layers: release.layers,
    lineage: lineage.id,
  };
}

const followedOutput = (followed: Readonly<Record<string, string>> = {}) =>
  Object.keys(followed).length > 0 ? { followed } : {};

export = () => {
  endWithTheEngine();
  return program().catch(withoutStackTrace);
};
