import * as random from "@pulumi/random";
import { tidyBuildCache } from "./components/build-cache";
import { ComposeDeploy } from "./components/compose-deploy";
import { HostTeardown } from "./components/host-teardown";
import { keptRelease, Release } from "./components/release";
import { buildImages, promotedImages } from "./components/service-images";
import { previousOutputs } from "./components/stack-outputs";
import { readSettings, withoutStackTrace } from "./config";
import { publishedUrls } from "./core/urls";
import { preflight } from "./preflight";
import { layersOf } from "./preflight/layers";

async function program() {
  const settings = await readSettings();
  const previous = previousOutputs();
  const facts = await preflight(settings, previous);
  const { project, files, provenance } = facts;

  const images = settings.release
    ? {}
    : settings.promoteFrom
      ? await promotedImages(settings.promoteFrom, settings, facts)
      : buildImages(settings, facts, await previous);

  const lineage = new random.RandomId("lineage", { byteLength: 8 }).hex;
  const release = settings.release
    ? keptRelease(settings.release, project.name, provenance)
    : new Release("release", {
        project,
        files,
        images,
        forceRecreate: settings.forceRecreate,
        provenance,
        previous: await previous,
        layersOf: (image, platform) => layersOf(image, platform, settings),
      });

  const hosts = facts.hosts.map(({ host, judgement }) => {
    const teardown = new HostTeardown(host.name, { host, project: project.name, lineage, settings });
    const deploy = new ComposeDeploy(
      host.name,
      { host, release, lineage, judgement, settings },
      { dependsOn: teardown },
    );
    return [host.name, deploy.result] as const;
  });

  return {
    release: release.id,
    tag: release.provenance.tag,
    images,
    hosts: tidyBuildCache(facts, Object.fromEntries(hosts)),
    urls: publishedUrls(project, settings.hosts),
    source: release.provenance,
    layers: release.layers,
    lineage,
  };
}

export = () => program().catch(withoutStackTrace);
