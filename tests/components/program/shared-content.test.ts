import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { printed } from "../../support/compose";
import { changed, deployed, type Run, run, shop, useShop } from "./shop";

describe("the program, with two services of the same content", () => {
  useShop();
  /** `worker` is built from what `web` is built from. */
  const twins = (services: Record<string, object> = {}) => {
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, ...text } = compose();
      const project = parse(resolved);
      project.services = {
        worker: { build: project.services.web.build },
        ...project.services,
        ...services,
      };
      return { ...text, ...printed(project, parse(text.written)) };
    };
  };
  const builds = (run: Run) =>
    run.resources.flatMap(({ name }) => (/^(web|worker)-(build|push)$/.test(name) ? [name] : [])).sort();

  it("builds and pushes it once, and runs the one image in both", async () => {
    twins();
    const first = await run();
    assert.deepEqual(builds(first), ["worker-build", "worker-push"]);
    const { web, worker } = first.result.images;
    assert.deepEqual([web!.digest, web!.ref], [worker!.digest, worker!.ref]);
    assert.ok(
      first.log.some(({ message }) =>
        /^web: .*; it has the same content as worker, and shares its image$/.test(message),
      ),
    );
    deployed(first);
    const again = await run();
    assert.deepEqual(again.result, first.result);
    assert.deepEqual(builds(again), ["worker-build", "worker-push"]);
  });

  it("keeps the image of the one when the other is removed, or changes", async () => {
    twins();
    const first = await run();
    deployed(first);
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, ...text } = compose();
      const project = parse(resolved);
      delete project.services.worker;
      return { ...text, ...printed(project, parse(text.written)) };
    };
    const without = await run();
    assert.deepEqual(builds(without), []);
    assert.deepEqual(without.result.images.web, first.result.images.web);
  });

  it("takes the image that is deployed already for a service that comes", async () => {
    deployed(await run());
    twins();
    const after = await run();
    assert.deepEqual(builds(after), ["web-build", "web-push"]);
    assert.equal(after.result.images.worker!.ref, after.result.images.web!.ref);
  });

  it("leaves two that were built apart as they are, until they change", async () => {
    const alone = await run();
    twins();
    const first = await run();
    // As they are when they became the same later: a build, and a repository, for each.
    const images = { ...first.result.images, web: alone.result.images.web! };
    const state = { ...alone.state, ...first.state };
    deployed({ ...first, state, result: { ...first.result, images } });
    const after = await run();
    assert.deepEqual(builds(after), ["web-build", "web-push", "worker-build", "worker-push"]);
    assert.deepEqual(after.result.images, images);
    writeFileSync(path.join(shop.folder, "web/page"), "edited");
    assert.deepEqual(changed(after, await run()), [
      "release-id",
      "worker-build",
      "worker-push",
      "worker-push-tag",
    ]);
  });
});
