import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { outside as theOutside } from "./adapters/outside";
import { tidyBuildCache } from "./components/build-cache";
import { ComposeDeploy } from "./components/compose-deploy";
import { endWithTheEngine } from "./components/engine-gone";
import { HostTeardown } from "./components/host-teardown";
import { declareImages } from "./components/images";
import { Lineage } from "./components/lineage";
import { Memory } from "./components/memory";
import { declareRelease } from "./components/release";
import { readStack, stackName } from "./components/stack-state";
import { withoutStackTrace } from "./components/user-error";
import { readSettings } from "./config";
import { publishedUrls } from "./core/urls";
import { preflight } from "./preflight";
import { layersOf } from "./preflight/layers";

async function program(outside = theOutside) {
  const settings = await readSettings();
  const lineage = new Lineage();
  const promotes = settings.promoteFrom !== undefined && settings.release === undefined;
  const { plan, project, hosts } = await preflight(settings, {
    deployed: readStack(stackName()),
    promoted: promotes ? readStack(settings.promoteFrom!) : undefined,
    lineage: () => lineage.known(),
    stack: stackName(),
    preview: pulumi.runtime.isDryRun(),
    outside,
    log: pulumi.log,
  });

  const images = declareImages(plan, settings, outside);
  // Declared for pinned releases too: a new key would change the fingerprint of every file.
  const key = new random.RandomBytes("release-fingerprint-key", { length: 32 }).hex;
  const release = declareRelease(plan, images, key, (image, platform) =>
    layersOf(image, platform, settings, outside),
  );
  const deployments = hosts.map(({ host, state, judgement }) => {
    const teardown = new HostTeardown(host.name, {
      host,
      project: project.name,
      lineage: lineage.id,
      settings,
    });
    const deploy = new ComposeDeploy(
      host.name,
      { host, release, lineage: lineage.id, state, judgement, settings },
      { dependsOn: teardown },
    );
    return [host.name, deploy.result] as const;
  });
  const proved = tidyBuildCache(plan, Object.fromEntries(deployments), outside);
  new Memory({ plan, settings, lineage: lineage.id, release, proved });

  return {
    release: release.id,
    ...(release.provenance ? { tag: release.provenance.tag } : {}),
    images,
    hosts: proved,
    urls: publishedUrls(project, settings.hosts),
  };
}

export = (outside?: typeof theOutside) => {
  endWithTheEngine();
  return program(outside).catch(withoutStackTrace);
};
