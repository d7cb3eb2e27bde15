import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { memoryType } from "../../../core/release/deployed";
import { named, type Provider, reveal } from "../../support/graph";
import { empty } from "../../unit/core/host/states";
import { digest, settings } from "../fixtures";
import {
  changed,
  deployed,
  inputsOf,
  leave,
  memoryOf,
  programOf,
  type Run,
  refused,
  run,
  shop,
  useShop,
  withoutMemory,
} from "./shop";

describe("the program, after a deployment", () => {
  useShop();
  let first: Run;
  let before: Run;
  beforeEach(async () => {
    first = await run();
    deployed(first);
    before = await run();
  });

  it("changes nothing when nothing changed", async () => {
    const again = await run();
    assert.deepEqual(inputsOf(again), inputsOf(before));
    assert.deepEqual(again.result, first.result);
  });

  it("does not look up known images again, and changes nothing when the registry knows less", async () => {
    const known = `${"ab".repeat(6)}=100 ${"cd".repeat(6)}=20`;
    shop.outside.layers = (name) =>
      name === "redis:7"
        ? undefined
        : [
            { diffId: `sha256:${"ab".repeat(32)}`, bytes: 100 },
            { diffId: `sha256:${"cd".repeat(32)}`, bytes: 20 },
          ];
    shop.stacks = {};
    shop.outside.host = () => empty();
    const told = await run();
    const refs = Object.values(told.result.images).map(({ ref }) => ref);
    assert.deepEqual(memoryOf(told).layers, Object.fromEntries(refs.map((ref) => [ref, known])));
    assert.match(
      programOf(told),
      new RegExp(`^web\\|[^|]*shop-web@${digest}\\|${digest}\\|1\\|${known}\\|`, "m"),
    );
    deployed(told);
    shop.outside.layers = () => assert.fail("a registry is asked for layers");
    const again = await run();
    assert.deepEqual(again.result, told.result);
    assert.equal(programOf(again), programOf(told));
    writeFileSync(path.join(shop.folder, "conf"), "level = 2\n");
    const asked: string[] = [];
    shop.outside.layers = (name) => void asked.push(name);
    const other = await run({}, {}, ({ name }) => (name === "release-id" ? { hex: "0a0b0c0e" } : {}));
    assert.deepEqual(asked, ["redis:7"]);
    assert.deepEqual(memoryOf(other).layers, memoryOf(told).layers);
  });

  it("gives nothing of an older release to one that a killed run had made, but not deployed", async () => {
    writeFileSync(path.join(shop.folder, "conf"), "level = 2\n");
    const made: Provider = ({ name }) => (name === "release-id" ? { hex: "0a0b0c0e" } : {});
    shop.outside.commit = () => ({ commit: "00".repeat(20) });
    const killed = await run({}, {}, made);
    const state = Object.fromEntries(
      Object.entries(killed.state).map(([urn, resource]) => [
        urn,
        resource.type === memoryType ? first.state[urn]! : resource,
      ]),
    );
    leave({ ...first, state });
    const asked: string[] = [];
    shop.outside.layers = (name) => void asked.push(name);
    const again = await run({}, {}, made);
    assert.equal(memoryOf(again).provenance!.commit, "00".repeat(20));
    assert.equal(asked.length, 3);
    deployed(again);
    shop.outside.commit = () => ({ commit: "11".repeat(20) });
    assert.equal(memoryOf(await run({}, {}, made)).provenance!.commit, "00".repeat(20));
    assert.equal(asked.length, 3);
  });

  it("escapes terminal control characters in the name of a changed file", async () => {
    writeFileSync(path.join(shop.folder, "web/Dockerfile"), "FROM debian:trixie-slim\nCOPY . /\n");
    writeFileSync(path.join(shop.folder, "web/a\u001b[2Jb\nc"), "");
    const { log } = await run({}, { preview: true });
    const cause = log.map(({ message }) => message).find((message) => message.startsWith("web: "));
    assert.match(cause!, /a\?\[2Jb\?c added/);
  });

  it("changes nothing for another user's commit of a file that no image copies", async () => {
    shop.outside.commit = () => ({ commit: "00".repeat(20), dirty: "5d6e7f8" });
    writeFileSync(path.join(shop.folder, "web/README.md"), "edited");
    const again = await run();
    assert.deepEqual(inputsOf(again), inputsOf(before));
    assert.deepEqual(memoryOf(again).provenance, memoryOf(first).provenance);
  });

  it("does not tag an unchanged image again, because this machine's engine may not have it", async () => {
    for (const tag of [{ tag: "v2" }, { tag: "v2", uniqueTag: true }, { uniqueTag: true }]) {
      const again = await run(tag);
      assert.deepEqual(inputsOf(again), inputsOf(before));
      assert.deepEqual(again.result, first.result);
    }
    writeFileSync(path.join(shop.folder, "web/page"), "edited");
    const edited = await run({ tag: "v2" });
    const tagOf = (service: string) =>
      String(named(edited, `${service}-tag`).inputs.targetImage)
        .split(":")
        .at(-1);
    assert.deepEqual([tagOf("web"), tagOf("api")], ["v2", "1a2b3c4"]);
  });

  it("refuses a changed project name, which would run beside the deployed project", async () => {
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, exact, ...rest } = compose();
      return {
        ...rest,
        resolved: resolved.replace("shop", "shop2"),
        exact: exact.replace("shop", "shop2"),
      };
    };
    const line =
      "everfresh:projectName: this stack deployed project shop, but the project is now shop2; set it back, or `pulumi destroy` first";
    for (const changes of [{}, { release: "shop-1" }]) await refused(run(changes), line);
    await refused(run({}, { preview: true }), line);
    // An earlier version, which did not remember it.
    leave(withoutMemory(first));
    assert.equal(memoryOf(await run()).project, "shop2");
  });

  it("gives a new password of the registry to the images that it does not build, as `pulumi refresh` asks with it", async () => {
    const registry = { ...settings.registry, password: "rotated" };
    const again = await run({ registry });
    assert.deepEqual(changed(before, again), ["api-push", "api-push-tag", "web-push", "web-push-tag"]);
    const { authConfig, ...inputs } = named(again, "web-push").inputs;
    const { authConfig: _, ...unchanged } = named(before, "web-push").inputs;
    assert.equal((reveal(authConfig) as { password: string }).password, "rotated");
    assert.deepEqual(inputs, unchanged);
  });

  describe("with docker's own login", () => {
    const { username, password, ...registry } = settings.registry!;
    beforeEach(() => {
      shop.outside.pushLogin = () => ({ kind: "usable" });
    });

    it("replaces nothing when the configured one is removed, and has none in the state then", async () => {
      const after = await run({ registry });
      assert.deepEqual(changed(before, after), ["api-push", "api-push-tag", "web-push", "web-push-tag"]);
      for (const name of ["web-push", "web-push-tag"]) {
        const { authConfig, ...inputs } = named(before, name).inputs;
        assert.deepEqual(named(after, name).inputs, inputs);
        assert.deepEqual(
          [named(before, name).provider, named(after, name).provider],
          [undefined, "registry"],
        );
      }
      assert.deepEqual(Object.keys(named(after, "registry").inputs), ["registryAuth"]);
      assert.doesNotMatch(JSON.stringify(reveal(after.state)), /the password/);
    });

    it("changes nothing when nothing changed, nor while a release is pinned", async () => {
      deployed(await run({ registry }));
      const settled = await run({ registry });
      assert.deepEqual(inputsOf(await run({ registry })), inputsOf(settled));
      for (const pin of [{ registry }, { registry: {} }]) {
        const pinned = await run({ release: "shop-1", ...pin });
        assert.deepEqual(changed(settled, pinned), ["web1-up", "web2-up"]);
        assert.equal(named(pinned, "web-push").provider, "registry");
        assert.deepEqual(Object.keys(inputsOf(pinned)).sort(), Object.keys(inputsOf(settled)).sort());
      }
    });
  });

  it("keeps Pulumi from building an image that this run does not build, even if somebody asks for it", async () => {
    const again = await run();
    assert.deepEqual(named(again, "web-build").hooks, { beforeCreate: 1 });
  });

  it("replaces the image, push, release and deployments of a changed service, and names the file", async () => {
    writeFileSync(path.join(shop.folder, "web/page"), "edited");
    const again = await run({}, { preview: true });
    // The deployments follow the release's id, which the random provider generates again.
    assert.deepEqual(
      changed(before, again).filter((name) => name !== "web"),
      ["release-id", "web-build", "web-push", "web-push-tag"],
    );
    const causes = again.log.filter(({ severity }) => severity === "info").map(({ message }) => message);
    assert.equal(causes.length, 1, causes.join("\n"));
    assert.match(causes[0]!, /^web: .*\bpage\b/);
  });

  it("refuses an image whose context changed while it was built", async () => {
    writeFileSync(path.join(shop.folder, "web/page"), "edited");
    const provider: Provider = ({ name }) => {
      if (name === "web-build") writeFileSync(path.join(shop.folder, "web/page"), "edited again");
      return {};
    };
    await assert.rejects(
      run({}, {}, provider),
      /web: .*\bpage\b.* changed while it was being built; run `pulumi up` again$/s,
    );
  });

  it("makes a new release when a mounted file changes, and builds nothing", async () => {
    writeFileSync(path.join(shop.folder, "conf"), "level = 2\n");
    assert.deepEqual(changed(before, await run()), ["release-id"]);
  });

  it("deploys only to a host that has drifted, from the existing images", async () => {
    const calm = shop.outside.host;
    shop.outside.host = (name) => (name === "web1" ? { ...calm(name), tampered: ["conf"] } : calm(name));
    const again = await run();
    assert.deepEqual(changed(before, again), ["web1-up"]);
    assert.match(
      JSON.stringify(named(again, "web1-up").inputs.triggers),
      /drift: conf was changed on the host/,
    );
    assert.ok(again.log.some(({ message }) => message === "web1: conf was changed on the host"));
  });

  it("recognizes its own release on a host even if no `up` has succeeded yet", async () => {
    shop.stacks = {};
    assert.equal((await run()).result.release, "0a0b0c0d");
    const preview = await run({}, { preview: true });
    assert.ok(!preview.log.some(({ message }) => message.includes("`up` will refuse")));
  });

  it("claims no release as its own before an `up` has succeeded", async () => {
    shop.stacks = {};
    const calm = shop.outside.host;
    shop.outside.host = (name) => ({ ...calm(name), lineage: "somebody else's" });
    await refused(run(), "everfresh:hosts[0] (web1): release", "everfresh:hosts[1] (web2): release");
  });

  it("refuses a host that runs another stack's release, and says so in preview", async () => {
    const calm = shop.outside.host;
    shop.outside.host = (name) => ({ ...calm(name), lineage: "somebody else's" });
    await refused(
      run(),
      "everfresh:hosts[0] (web1): release 0a0b0c0d was deployed by ada from laptop ",
      "everfresh:hosts[1] (web2): release 0a0b0c0d was deployed by ada from laptop ",
    );
    const preview = await run({}, { preview: true });
    assert.ok(
      preview.log.some(({ message }) => message.startsWith("web1: `up` will refuse: everfresh:hosts[0]")),
    );
    assert.equal((await run({ takeOver: "0a0b0c0d" })).result.release, "0a0b0c0d");
  });
});
