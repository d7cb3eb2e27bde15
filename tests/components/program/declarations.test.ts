import assert from "node:assert/strict";
import os from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { printed } from "../../support/compose";
import { named, outline, readable, reveal } from "../../support/graph";
import { digest } from "../fixtures";
import { commit, memoryOf, run, shop, useShop } from "./shop";

describe("the program", () => {
  useShop();

  it("declares an image and a push for each build, one release, and a teardown and a deployment for each host", async () => {
    const built = (name: string) => [
      `docker:index/registryImage:RegistryImage ${name}-push < ${name}`,
      `docker:index/registryImage:RegistryImage ${name}-push-tag < ${name}`,
      `docker:index/remoteImage:RemoteImage ${name}-build < ${name}`,
      `docker:index/tag:Tag ${name}-tag < ${name}`,
      `everfresh:index:ContentImage ${name}`,
      `everfresh:index:RegistryPush ${name}`,
    ];
    const target = (name: string) => [
      `command:remote:Command ${name}-down < ${name}`,
      `command:remote:Command ${name}-up < ${name}`,
      `everfresh:index:ComposeDeploy ${name}`,
      `everfresh:index:HostTeardown ${name}`,
    ];
    assert.deepEqual(
      outline(await run()),
      [
        ...["api", "web"].flatMap(built),
        ...["web1", "web2"].flatMap(target),
        "everfresh:index:Memory memory",
        "everfresh:index:Release release",
        "random:index/randomBytes:RandomBytes release-fingerprint-key",
        "random:index/randomId:RandomId lineage",
        "random:index/randomId:RandomId release-id < release",
      ].sort(),
    );
  });

  it("makes each deployment depend on its host's teardown, which is therefore destroyed after it", async () => {
    const { resources } = await run();
    for (const name of ["web1", "web2"]) {
      const component = resources.find(
        (it) => it.name === name && it.type === "everfresh:index:ComposeDeploy",
      )!;
      assert.ok(component.dependencies.includes(`${name}-down`), component.dependencies.join());
    }
  });

  it("outputs what it deployed and its URLs, and nothing else", async () => {
    const { result } = await run();
    const { images, hosts, ...rest } = result;
    assert.deepEqual(rest, {
      release: "0a0b0c0d",
      tag: "1a2b3c4",
      urls: ["http://web1.example.com:8080", "http://[2001:db8::2]:8080"],
    });
    assert.deepEqual(Object.keys(hosts), ["web1", "web2"]);
    assert.deepEqual(Object.keys(images).sort(), ["api", "web"]);
    const { content, ...web } = images.web!;
    assert.match(content, /^[0-9a-f]{64}$/);
    assert.deepEqual(web, { digest, ref: `10.0.0.1:5000/team/shop-web@${digest}` });
  });

  it("remembers everything else in the state, outside the outputs", async () => {
    const { layers: _, ...memory } = memoryOf(await run({ fresh: "today" }));
    assert.deepEqual(memory, {
      project: "shop",
      lineage: "feedfacefeedface",
      madeRelease: "0a0b0c0d",
      provenance: { tag: "1a2b3c4", commit, dirty: false, who: os.userInfo().username, from: os.hostname() },
      followed: {},
      fresh: { api: "today", web: "today" },
      registry: "registry.example.com:5000/team",
    });
  });

  it("makes image, push, release and deployment depend on the same content", async () => {
    const declared = await run();
    for (const service of ["web", "api"]) {
      const { content } = declared.result.images[service]!;
      const build = named(declared, `${service}-build`).inputs as { build: { label: object } };
      assert.equal(
        (named(declared, `${service}-build`).inputs.triggers as { content: string }).content,
        content,
      );
      assert.deepEqual(build.build.label, { "dev.everfresh.content": content });
      assert.deepEqual(named(declared, `${service}-push`).inputs.triggers, { content });
      const keepers = reveal(named(declared, "release-id").inputs.keepers) as Record<string, string>;
      assert.equal(keepers[`image ${service}`], content);
    }
    const token = declared.resources.find(({ name }) => name === "web1-up")!.inputs.triggers;
    assert.match(
      JSON.stringify(token),
      /^\[\{"host":"nothing is deployed \([0-9a-f]{8}\)","release":"0a0b0c0d"\}\]$/,
    );
  });

  it("shows each warning of compose once, in preview as in `up`", async () => {
    const { compose } = shop.outside;
    shop.outside.compose = () => ({ ...compose(), warnings: ['The "X" variable is not set.'] });
    for (const preview of [true, false]) {
      const said = (await run({}, { preview })).log.filter(({ message }) =>
        message.startsWith("docker compose: "),
      );
      assert.deepEqual(
        said.map(({ severity, message }) => [severity, message]),
        [["warning", 'docker compose: The "X" variable is not set.']],
      );
    }
  });

  it("shows in preview which data stays on the hosts, and tells the hosts", async () => {
    const { compose } = shop.outside;
    const mount = (source: string) => ({ type: "bind", source, target: "/data" });
    shop.outside.compose = () => ({
      ...compose(),
      ...printed(
        {
          name: "shop",
          services: { db: { image: "db:1", volumes: [mount(path.join(shop.folder, "pgdata"))] } },
        },
        { services: { db: { volumes: [mount("./pgdata")] } } },
      ),
    });
    const said = async (preview: boolean) =>
      (await run({ remoteDir: "/srv" }, { preview })).log.map(({ message }) => message);
    const note = "kept on the host, never sent: pgdata (db), in /srv/shop/mounts";
    assert.ok((await said(true)).includes(note));
    assert.ok(!(await said(false)).includes(note));
    const up = (await run()).resources.find(({ name }) => name === "web1-up")!;
    assert.match(JSON.stringify(up.inputs), /folder\|made\|db\|mounts\/pgdata\|\/data/);
  });

  it("warns of a build argument that looks like a secret, in preview as in `up`", async () => {
    const { compose } = shop.outside;
    shop.outside.compose = () => {
      const { resolved, ...text } = compose();
      const project = parse(resolved);
      project.services.web.build.args = { NPM_TOKEN: "hunter2", VERSION: "1" };
      return { ...text, ...printed(project, parse(text.written)) };
    };
    for (const preview of [true, false]) {
      const warnings = (await run({}, { preview })).log.filter(
        ({ severity, message }) => severity === "warning" && message.startsWith("services."),
      );
      assert.deepEqual(
        warnings.map(({ message }) => message.split("; ")[0]),
        [
          "services.web.build.args.NPM_TOKEN: looks like a secret, but build arguments are in plain text in the state and in the image",
        ],
      );
    }
  });

  it("shows no secret to someone who can read the state", async () => {
    const shown = JSON.stringify((await run()).resources.map(({ inputs }) => readable(inputs)));
    assert.doesNotMatch(shown, /the password|BEGIN OPENSSH|level = 1/);
  });
});
