import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { printed } from "../../support/compose";
import { changed, deployed, type Run, run, shop, useShop } from "./shop";

describe("the program, with two services of the same content", () => {
  useShop();
  /** `worker` is built from the same content as `web`. */
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

  it("builds and pushes the image once, and runs it in both", async () => {
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

  it("keeps the image of one service when the other is removed or changes", async () => {
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

  it("uses the deployed image for a new service", async () => {
    deployed(await run());
    twins();
    const after = await run();
    assert.deepEqual(builds(after), ["web-build", "web-push"]);
    assert.equal(after.result.images.worker!.ref, after.result.images.web!.ref);
  });

  it("leaves images that were built separately as they are until they change", async () => {
    const alone = await run();
    twins();
    const first = await run();
    // Two services that became the same later: each has its own build and repository.
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
