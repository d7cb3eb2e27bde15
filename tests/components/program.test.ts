import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { RegistryError } from "../../adapters/registry-error";
import type { StackOutputs } from "../../components/stack-outputs";
import { Problems } from "../../core/problems";
import { printed } from "../support/compose";
import {
  type Graph,
  graph,
  named,
  outline,
  type Provider,
  readable,
  reveal,
  type World,
} from "../support/graph";
import { empty } from "../unit/core/host/states";
import { digest, host, providers, settings } from "./fixtures";
import { loadProgram, type Outside } from "./stand-ins";

const commit = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
const web2 = { ...host, name: "web2", address: "2001:db8::2", privateKey };
const config = {
  composeFile: "compose.yaml",
  hosts: [{ ...host, privateKey }, web2],
  registry: settings.registry,
};

let folder: string;
let outside: Outside;
let program: () => Promise<Required<StackOutputs>>;
/** What each stack says of itself. */
let stacks: Record<string, StackOutputs>;

type Outputs = Required<StackOutputs>;
type Run = Graph<Outputs>;

/** One `pulumi up`, or preview, of this stack. */
function run(
  changes: Record<string, unknown> = {},
  world: World = {},
  extra: Provider = () => ({}),
): Promise<Run> {
  const provider: Provider = (resource) => {
    if (resource.type !== "pulumi:pulumi:StackReference")
      return { ...providers(resource), ...extra(resource) };
    return { outputs: stacks[resource.inputs.name as string] ?? {}, secretOutputNames: [] };
  };
  return graph<Outputs>(
    () => {
      const values = Object.entries({ ...config, ...changes }).map(([key, value]) => [
        `everfresh:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]);
      pulumi.runtime.setAllConfig(Object.fromEntries(values), ["everfresh:hosts", "everfresh:registry"]);
      return program();
    },
    { provider, ...world },
  );
}

/** Remembers what a run said, and what the hosts are like after it. */
function deployed({ result }: Run): void {
  stacks["acme/everfresh/prod"] = result;
  outside.host = () => ({
    ...empty(),
    token: "proved",
    lineage: result.lineage,
    deployment: "1",
    current: {
      id: result.release,
      project: "shop",
      tag: result.tag,
      who: "ada",
      from: "laptop",
      stack: "acme/everfresh/prod",
      services: [],
      files: [],
    },
  });
}
/** What a stack says whose hosts have all proved its images. */
function proved(result: Outputs): StackOutputs {
  const services = Object.fromEntries(
    Object.entries(result.images).map(([name, { digest }]) => [
      name,
      { container: "c1", digest, startedAt: "2030-01-02T03:04:00Z", health: "healthy" },
    ]),
  );
  const hosts = Object.entries(result.hosts).map(([name, host]) => [name, { ...host, services }]);
  return { ...result, hosts: Object.fromEntries(hosts) };
}
const inputsOf = ({ resources }: Run) =>
  Object.fromEntries(resources.map(({ type, name, inputs }) => [`${type} ${name}`, inputs]));
/** Names of the resources whose inputs differ, of those that both runs have. */
const changed = (before: Run, after: Run) => {
  const [a, b] = [inputsOf(before), inputsOf(after)];
  const both = Object.keys(a).filter((key) => key in b);
  return both
    .filter((key) => JSON.stringify(withoutStdin(a[key])) !== JSON.stringify(withoutStdin(b[key])))
    .map((key) => key.slice(key.indexOf(" ") + 1))
    .sort();
};
/** A changed stdin alone replaces nothing: the host is asked for its proof again. */
const withoutStdin = ({ stdin: _, ...inputs }: Record<string, unknown> = {}) => inputs;
/** What the first host is told of the release, without its mounted files. */
const programOf = (run: Run) => {
  const stdin = reveal(named(run, "web1-up").inputs.stdin) as string;
  const payload = /EVERFRESH_PAYLOAD'\n([\s\S]*?)\nEVERFRESH_PAYLOAD/.exec(stdin)![1]!;
  return Buffer.from(payload, "base64").toString("latin1");
};
const noCache = (run: Run) => (named(run, "web-build").inputs.build as { noCache: boolean }).noCache;
const dockerResources = ({ resources }: Run) => resources.filter(({ type }) => type.startsWith("docker:"));
const refused = async (run: Promise<unknown>, ...starts: string[]) => {
  await assert.rejects(run, (error: Error) => {
    assert.ok(pulumi.RunError.isInstance(error), String(error.stack));
    const lines = error.message.split("\n");
    assert.equal(lines.length, starts.length, error.message);
    for (const [i, start] of starts.entries()) assert.ok(lines[i]!.startsWith(start), error.message);
    return true;
  });
};

describe("the program", () => {
  const cwd = process.cwd();
  const secretKeys = process.env.PULUMI_CONFIG_SECRET_KEYS;

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "everfresh-program-"));
    for (const service of ["web", "api"]) {
      mkdirSync(path.join(folder, service));
      writeFileSync(path.join(folder, service, "Dockerfile"), "FROM debian:trixie-slim\nCOPY page /\n");
      writeFileSync(path.join(folder, service, "page"), service);
      writeFileSync(path.join(folder, service, "README.md"), "");
    }
    writeFileSync(path.join(folder, "conf"), "level = 1\n");
    mkdirSync(path.join(folder, "run"));
    process.chdir(path.join(folder, "run"));
    process.env.PULUMI_CONFIG_SECRET_KEYS = JSON.stringify(["everfresh:hosts", "everfresh:registry"]);
    stacks = {};
    outside = {
      compose: () => {
        const service = (name: string) => ({
          build: { context: path.join(folder, name), dockerfile: "Dockerfile" },
        });
        const conf = {
          type: "bind",
          source: path.join(folder, "conf"),
          target: "/etc/conf",
          read_only: true,
        };
        const services = {
          web: {
            ...service("web"),
            ports: [{ target: 80, published: "8080", protocol: "tcp" }],
            depends_on: { api: {} },
          },
          api: { ...service("api"), volumes: [conf] },
          redis: { image: "redis:7" },
        };
        const written = { api: { volumes: [{ ...conf, source: "./conf" }] } };
        return {
          ...printed({ name: "shop", services }, { services: written }),
          folder,
          environment: {},
        };
      },
      registry: () => undefined,
      host: () => empty(),
      commit: () => ({ commit }),
    };
    program = loadProgram({
      compose: () => outside.compose(),
      registry: (name) => outside.registry(name),
      host: (name) => outside.host(name),
      commit: () => outside.commit(),
      layers: (name) => outside.layers?.(name),
      prune: (hours, kind) => outside.prune?.(hours, kind),
      pull: (image) => outside.pull?.(image),
    });
  });
  afterEach(() => {
    process.chdir(cwd);
    rmSync(folder, { recursive: true });
    if (secretKeys === undefined) delete process.env.PULUMI_CONFIG_SECRET_KEYS;
    else process.env.PULUMI_CONFIG_SECRET_KEYS = secretKeys;
  });

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
        "everfresh:index:Release release",
        "random:index/randomBytes:RandomBytes release-fingerprint-key",
        "random:index/randomId:RandomId lineage",
        "random:index/randomId:RandomId release-id < release",
      ].sort(),
    );
  });

  it("has each deployment wait for the teardown of its host, which is then destroyed after it", async () => {
    const { resources } = await run();
    for (const name of ["web1", "web2"]) {
      const component = resources.find(
        (it) => it.name === name && it.type === "everfresh:index:ComposeDeploy",
      )!;
      assert.ok(component.dependencies.includes(`${name}-down`), component.dependencies.join());
    }
  });

  it("says what it deployed, from where, and where it can be seen", async () => {
    const { result } = await run();
    const { images, hosts, source, layers: _, ...rest } = result;
    assert.deepEqual(rest, {
      project: "shop",
      release: "0a0b0c0d",
      tag: "1a2b3c4",
      urls: ["http://web1.example.com:8080", "http://[2001:db8::2]:8080"],
      lineage: "feedfacefeedface",
    });
    assert.deepEqual(source, {
      tag: "1a2b3c4",
      commit,
      dirty: false,
      who: os.userInfo().username,
      from: os.hostname(),
    });
    assert.deepEqual(Object.keys(hosts), ["web1", "web2"]);
    assert.deepEqual(Object.keys(images).sort(), ["api", "web"]);
    const { content, built, ...web } = images.web!;
    assert.ok(Math.abs(Date.parse(built!) - Date.now()) < 60_000, built);
    assert.match(content, /^[0-9a-f]{64}$/);
    assert.deepEqual(web, {
      digest,
      ref: `10.0.0.1:5000/team/shop-web@${digest}`,
      tag: "1a2b3c4",
    });
  });

  it("hangs image, push, release and deployment on the same content", async () => {
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

  it("passes on once what compose warns of, in preview as in up", async () => {
    const { compose } = outside;
    outside.compose = () => ({ ...compose(), warnings: ['The "X" variable is not set.'] });
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

  it("names in preview what stays on the hosts, and tells them", async () => {
    const { compose } = outside;
    const mount = (source: string) => ({ type: "bind", source, target: "/data" });
    outside.compose = () => ({
      ...compose(),
      ...printed(
        { name: "shop", services: { db: { image: "db:1", volumes: [mount(path.join(folder, "pgdata"))] } } },
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

  it("warns of a build argument that looks like a secret, in preview as in up", async () => {
    const { compose } = outside;
    outside.compose = () => {
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
          "services.web.build.args.NPM_TOKEN: looks like a secret, and build arguments stand in plain text in the state and in the image",
        ],
      );
    }
  });

  it("shows no secret to who can read the state", async () => {
    const shown = JSON.stringify((await run()).resources.map(({ inputs }) => readable(inputs)));
    assert.doesNotMatch(shown, /the password|BEGIN OPENSSH|level = 1/);
  });

  describe("after a deployment", () => {
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

    it("asks nobody again for what is known of the images, and does not mind a registry that says less", async () => {
      const known = `${"ab".repeat(6)}=100 ${"cd".repeat(6)}=20`;
      outside.layers = (name) =>
        name === "redis:7"
          ? undefined
          : [
              { diffId: `sha256:${"ab".repeat(32)}`, bytes: 100 },
              { diffId: `sha256:${"cd".repeat(32)}`, bytes: 20 },
            ];
      stacks = {};
      outside.host = () => empty();
      const told = await run();
      const refs = Object.values(told.result.images).map(({ ref }) => ref);
      assert.deepEqual(told.result.layers, Object.fromEntries(refs.map((ref) => [ref, known])));
      assert.match(
        programOf(told),
        new RegExp(`^web\\|[^|]*shop-web@${digest}\\|${digest}\\|1\\|${known}\\|`, "m"),
      );
      deployed(told);
      outside.layers = () => assert.fail("a registry is asked for layers");
      const again = await run();
      assert.deepEqual(again.result, told.result);
      assert.equal(programOf(again), programOf(told));
      writeFileSync(path.join(folder, "conf"), "level = 2\n");
      const asked: string[] = [];
      outside.layers = (name) => void asked.push(name);
      const other = await run({}, {}, ({ name }) => (name === "release-id" ? { hex: "0a0b0c0e" } : {}));
      assert.deepEqual(asked, ["redis:7"]);
      assert.deepEqual(other.result.layers, told.result.layers);
    });

    it("says nothing to the terminal that the name of a changed file would", async () => {
      writeFileSync(path.join(folder, "web/Dockerfile"), "FROM debian:trixie-slim\nCOPY . /\n");
      writeFileSync(path.join(folder, "web/a\u001b[2Jb\nc"), "");
      const { log } = await run({}, { preview: true });
      const cause = log.map(({ message }) => message).find((message) => message.startsWith("web: "));
      assert.match(cause!, /a\?\[2Jb\?c added/);
    });

    it("changes nothing for another commit, by another user, of a file that no image copies", async () => {
      outside.commit = () => ({ commit: "00".repeat(20), dirty: "5d6e7f8" });
      writeFileSync(path.join(folder, "web/README.md"), "edited");
      const again = await run();
      assert.deepEqual(inputsOf(again), inputsOf(before));
      assert.deepEqual(again.result.source, first.result.source);
    });

    it("tags nothing again that is the same: the engine here may not have it", async () => {
      for (const tag of [{ tag: "v2" }, { tag: "v2", uniqueTag: true }, { uniqueTag: true }]) {
        const again = await run(tag);
        assert.deepEqual(inputsOf(again), inputsOf(before));
        assert.deepEqual(again.result, first.result);
      }
      writeFileSync(path.join(folder, "web/page"), "edited");
      const { images } = (await run({ tag: "v2" })).result;
      assert.deepEqual([images.web!.tag, images.api!.tag], ["v2", "1a2b3c4"]);
    });

    it("is refused another project's name, which would run beside the one that is deployed", async () => {
      const { compose } = outside;
      outside.compose = () => {
        const { resolved, exact, ...rest } = compose();
        return {
          ...rest,
          resolved: resolved.replace("shop", "shop2"),
          exact: exact.replace("shop", "shop2"),
        };
      };
      const line =
        "everfresh:projectName: this stack has deployed project shop, and now it is shop2; set it back, or `pulumi destroy` first";
      for (const changes of [{}, { release: "shop-1" }]) await refused(run(changes), line);
      await refused(run({}, { preview: true }), line);
      // What a version said that did not name it.
      const { project: _, ...older } = first.result;
      stacks["acme/everfresh/prod"] = older;
      assert.equal((await run()).result.project, "shop2");
    });

    it("replaces the image, the push, the release and the deployments of what changed, and names the file", async () => {
      writeFileSync(path.join(folder, "web/page"), "edited");
      const again = await run({}, { preview: true });
      // The deployments follow the release's id, which the random provider makes anew.
      assert.deepEqual(
        changed(before, again).filter((name) => name !== "web"),
        ["release-id", "web-build", "web-push", "web-push-tag"],
      );
      const causes = again.log.filter(({ severity }) => severity === "info").map(({ message }) => message);
      assert.equal(causes.length, 1, causes.join("\n"));
      assert.match(causes[0]!, /^web: .*\bpage\b/);
    });

    it("refuses an image whose context changed while it was built", async () => {
      writeFileSync(path.join(folder, "web/page"), "edited");
      const provider: Provider = ({ name }) => {
        if (name === "web-build") writeFileSync(path.join(folder, "web/page"), "edited again");
        return {};
      };
      await assert.rejects(
        run({}, {}, provider),
        /web: .*\bpage\b.* changed while it was being built; run `pulumi up` again$/s,
      );
    });

    it("makes another release of a changed mounted file, and builds nothing", async () => {
      writeFileSync(path.join(folder, "conf"), "level = 2\n");
      assert.deepEqual(changed(before, await run()), ["release-id"]);
    });

    it("deploys to a host that has drifted, and only there, from the images that there are", async () => {
      const calm = outside.host;
      outside.host = (name) => (name === "web1" ? { ...calm(name), tampered: ["conf"] } : calm(name));
      const again = await run();
      assert.deepEqual(changed(before, again), ["web1-up"]);
      assert.match(
        JSON.stringify(named(again, "web1-up").inputs.triggers),
        /drift: conf was changed on the host/,
      );
      assert.ok(again.log.some(({ message }) => message === "web1: conf was changed on the host"));
    });

    it("knows its own release on a host where no up was green yet, whose outputs would tell", async () => {
      stacks = {};
      assert.equal((await run()).result.release, "0a0b0c0d");
      const preview = await run({}, { preview: true });
      assert.ok(!preview.log.some(({ message }) => message.includes("`up` will refuse")));
    });

    it("takes no release for its own where no up was green yet", async () => {
      stacks = {};
      const calm = outside.host;
      outside.host = (name) => ({ ...calm(name), lineage: "somebody else's" });
      await refused(run(), "everfresh:hosts[0] (web1): release", "everfresh:hosts[1] (web2): release");
    });

    it("refuses a host that runs somebody else's release; a preview says so", async () => {
      const calm = outside.host;
      outside.host = (name) => ({ ...calm(name), lineage: "somebody else's" });
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

  describe("with two services of the same content", () => {
    /** `worker` is built from what `web` is built from. */
    const twins = (services: Record<string, object> = {}) => {
      const { compose } = outside;
      outside.compose = () => {
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
          /^web: .*; its content is that of worker, and so is its image$/.test(message),
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
      const { compose } = outside;
      outside.compose = () => {
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
      twins();
      const first = await run();
      // As an earlier version deployed them: a build, and a repository, for each.
      const { images } = first.result;
      const apart = {
        ...images.web!,
        built: "2030-01-01T00:00:00Z",
        ref: `10.0.0.1:5000/team/shop-web@${digest}`,
      };
      deployed({ ...first, result: { ...first.result, images: { ...images, web: apart } } });
      const after = await run();
      assert.deepEqual(builds(after), ["web-build", "web-push", "worker-build", "worker-push"]);
      assert.deepEqual(after.result.images.web, apart);
      writeFileSync(path.join(folder, "web/page"), "edited");
      assert.deepEqual(builds(await run()), ["worker-build", "worker-push"]);
    });
  });

  describe("with a build that begins with another service's image", () => {
    const pulled: string[] = [];
    const image = `registry.example.com:5000/team/shop-base@${digest}`;
    const dockerfile = () =>
      readFileSync(path.join(folder, "run/.everfresh/build/prod/web/Dockerfile"), "utf8");
    const order = (run: Run) =>
      run.resources.flatMap(({ name }) => (/^(base-push|web-build)$/.test(name) ? [name] : []));

    beforeEach(() => {
      mkdirSync(path.join(folder, "base"));
      writeFileSync(path.join(folder, "base/Dockerfile"), "FROM scratch\nCOPY lib /\n");
      writeFileSync(path.join(folder, "base/lib"), "1");
      writeFileSync(path.join(folder, "web/Dockerfile"), "ARG BASE\nFROM ${BASE}\nCOPY page /\n");
      pulled.length = 0;
      outside.pull = (image) => void pulled.push(image);
      const { compose } = outside;
      outside.compose = () => {
        const { resolved, ...text } = compose();
        const project = parse(resolved);
        project.services.web.build.args = { BASE: "shop-base" };
        const base = { build: { context: path.join(folder, "base") } };
        const whole = printed({ ...project, services: { ...project.services, base } });
        return { ...text, ...printed(project, parse(text.written)), whole };
      };
    });

    it("builds that one first, and begins with just what was pushed, pulled from there", async () => {
      const first = await run();
      assert.deepEqual(order(first), ["base-push", "web-build"]);
      assert.equal(dockerfile(), `ARG BASE\nFROM ${image}\nCOPY page /\n`);
      assert.deepEqual(pulled, [image]);
      const { inputs, dependencies } = named(first, "web-build");
      assert.equal((inputs.build as { dockerfile: string }).dockerfile, "../Dockerfile");
      // A push is replaced by removing the old one first, with everything that hangs on it.
      assert.deepEqual(dependencies, []);
      assert.deepEqual(Object.keys(first.result.images).sort(), ["api", "base", "web"]);
      assert.doesNotMatch(programOf(first), /shop-base/);
    });

    it("declares the same when nothing changed, and pulls nothing", async () => {
      const first = await run();
      deployed(first);
      pulled.length = 0;
      const again = await run();
      assert.deepEqual(again.result, first.result);
      assert.deepEqual(named(again, "web-build").inputs, named(first, "web-build").inputs);
      assert.deepEqual(
        named(await run({}, { preview: true }), "web-build").inputs,
        named(first, "web-build").inputs,
      );
      assert.deepEqual(pulled, []);
    });

    it("builds both again when that one's files change, and says so", async () => {
      const first = await run();
      deployed(first);
      writeFileSync(path.join(folder, "base/lib"), "2");
      const after = await run();
      assert.notEqual(after.result.images.web!.content, first.result.images.web!.content);
      assert.equal(after.result.images.api!.content, first.result.images.api!.content);
      const said = after.log.flatMap(({ message }) => (/^(base|web|api): /.test(message) ? [message] : []));
      assert.deepEqual(said.sort(), ["base: 1 file (lib)", "web: build context shop-base"]);
    });

    it("begins with the one that the registry has, where that is so", async () => {
      const { content } = (await run()).result.images.base!;
      const found = `sha256:${"f0".repeat(32)}`;
      outside.registry = (name) =>
        name.endsWith(`shop-base:content-${content.slice(0, 32)}`) ? found : undefined;
      pulled.length = 0;
      assert.deepEqual(order(await run()), ["web-build"]);
      assert.deepEqual(pulled, [`registry.example.com:5000/team/shop-base@${found}`]);
    });

    it("tells the builder of a named context where its Dockerfile is not certain to be understood", async () => {
      writeFileSync(
        path.join(folder, "web/Dockerfile"),
        "# syntax=other/frontend\nFROM shop-base\nCOPY page /\n",
      );
      const contexts = (run: Run) =>
        (named(run, "web-build").inputs.build as { additionalContexts: string[] }).additionalContexts;
      const first = await run();
      assert.deepEqual(contexts(first), [`shop-base=docker-image://${image}`]);
      deployed(first);
      assert.deepEqual(contexts(await run({}, { preview: true })), contexts(first));
    });

    it("says of an image that cannot be pulled whose it is", async () => {
      outside.pull = () => {
        throw new Error("manifest unknown");
      };
      await assert.rejects(run(), (error: Error) => {
        assert.match(
          error.message,
          /web: registry.*shop-base@sha256:\S+, which it is built upon, cannot be pulled \(manifest unknown\); run `pulumi up` again/,
        );
        return true;
      });
    });
  });

  describe("with a build's secret from a variable", () => {
    let value: string | undefined;
    beforeEach(() => {
      value = undefined;
      const { compose } = outside;
      outside.compose = () => {
        const { resolved, ...text } = compose();
        const project = parse(resolved);
        project.services.web.build.secrets = [{ source: "npm" }];
        project.secrets = { npm: { environment: "EVERFRESH_TEST_TOKEN" } };
        const fromEnvFile: Record<string, string> =
          value === undefined ? {} : { EVERFRESH_TEST_TOKEN: value };
        return { ...text, ...printed(project, parse(text.written)), fromEnvFile };
      };
    });

    it("is refused where it is set nowhere and something is built, in preview as in up", async () => {
      for (const preview of [true, false])
        await refused(
          run({}, { preview }),
          "services.web.build.secrets: the variable EVERFRESH_TEST_TOKEN is not set; set it where `pulumi up` runs, or in the env file",
        );
      value = "s3cret";
      deployed(await run());
      value = undefined;
      await run();
    });

    it("shows nothing of its value in the graph, and builds nothing again for another one", async () => {
      value = "s3cret";
      const first = await run();
      assert.doesNotMatch(JSON.stringify(first.resources), /s3cret/);
      deployed(first);
      value = "another";
      const again = await run();
      assert.deepEqual(again.result, first.result);
    });
  });

  describe("with a service that follows a tag", () => {
    let now: string | undefined;
    const [one, two] = ["1", "2"].map((digit) => `sha256:${digit.repeat(64)}`);
    const keepersOf = (run: Run) => named(run, "release-id").inputs.keepers as Record<string, string>;

    beforeEach(() => {
      now = one;
      outside.registry = (name) => (name === "redis:7" ? now : undefined);
      const { compose } = outside;
      outside.compose = () => {
        const { resolved, ...text } = compose();
        const project = parse(resolved);
        project.services.redis.pull_policy = "always";
        return { ...text, ...printed(project, parse(text.written)) };
      };
    });

    it("deploys the image that the tag has, by its digest, and asks no host to pull it anew", async () => {
      const first = await run();
      assert.match(programOf(first), new RegExp(`image: "redis:7@${one}"|"redis:7@${one}"`));
      assert.doesNotMatch(programOf(first), /pull_policy/);
      assert.deepEqual(first.result.followed, { redis: `redis:7@${one}` });
      deployed(first);
      const again = await run();
      assert.deepEqual(again.result, first.result);
      assert.deepEqual(keepersOf(again), keepersOf(first));
    });

    it("makes another release when the tag has moved, and says so in preview as in up", async () => {
      const first = await run();
      deployed(first);
      now = two;
      for (const preview of [true, false]) {
        const { log } = await run({}, { preview });
        assert.ok(
          log.some(({ message }) => message === "redis: redis:7 is another image now"),
          JSON.stringify(log),
        );
      }
      const before = keepersOf(first);
      const after = keepersOf(await run());
      assert.deepEqual({ ...after, "image redis": one }, before);
      assert.equal(after["image redis"], two);
    });

    it("is refused where nobody says what the tag means", async () => {
      now = undefined;
      await refused(run(), "services.redis.pull_policy: docker.io has no `redis:7`, or none that");
      outside.registry = () => {
        throw new RegistryError(
          "unreachable",
          "docker.io: cannot be reached at x (ENOTFOUND); check the address",
        );
      };
      await refused(
        run({ promoteFrom: "staging" }),
        "services.redis.pull_policy: nobody says which image `redis:7` is now (docker.io: cannot be reached at x (ENOTFOUND)); try again, or",
      );
    });

    it("runs what another stack has proved, and asks only for what that one does not follow", async () => {
      const { result } = await run();
      const staging = proved(result);
      stacks["acme/everfresh/staging"] = staging;
      now = two;
      const promoted = await run({ promoteFrom: "staging" });
      assert.deepEqual(promoted.result.followed, { redis: `redis:7@${one}` });

      stacks["acme/everfresh/staging"] = { ...staging, release: "another" };
      await refused(
        run({ promoteFrom: "staging" }),
        "everfresh:promoteFrom: stack staging has not proved its latest image of redis; deploy it there first",
      );

      const { followed: _, ...without } = staging;
      stacks["acme/everfresh/staging"] = without;
      assert.deepEqual((await run({ promoteFrom: "staging" })).result.followed, { redis: `redis:7@${two}` });
    });

    it("asks nobody for a pinned release, and remembers what the tag meant", async () => {
      const first = await run();
      deployed(first);
      outside.registry = () => assert.fail("the registry is asked");
      const pinned = await run({ release: first.result.release });
      assert.deepEqual(pinned.result.followed, first.result.followed);
    });
  });

  it("builds nothing that the registry has already", async () => {
    const { content } = (await run()).result.images.web!;
    const found = `sha256:${"f0".repeat(32)}`;
    outside.registry = (name) =>
      name === `registry.example.com:5000/team/shop-web:content-${content.slice(0, 32)}` ? found : undefined;
    const declared = await run();
    assert.deepEqual(
      outline(declared).filter((line) => / web(-|$)/.test(line)),
      [],
    );
    assert.deepEqual(declared.result.images.web, {
      content,
      digest: found,
      ref: `10.0.0.1:5000/team/shop-web@${found}`,
      tag: `content-${content.slice(0, 32)}`,
    });
    deployed(declared);
    outside.registry = () => assert.fail("the registry is asked for what is known");
    assert.deepEqual((await run()).result.images, declared.result.images);
  });

  it("builds anew what the registry has when it is told to", async () => {
    outside.registry = () => `sha256:${"f0".repeat(32)}`;
    assert.equal(noCache(await run({ fresh: "today" })), true);
  });

  it("removes build cache that nothing has used for long, when it has built something and every host has proved it", async () => {
    const pruned: unknown[] = [];
    outside.prune = (hours, kind) => {
      pruned.push([hours, kind]);
      return kind ? undefined : "1.2GB";
    };
    await run({}, { preview: true });
    await assert.rejects(
      run({}, {}, ({ name }) => {
        if (name === "web2-up") throw new Error("not proved");
        return {};
      }),
    );
    assert.deepEqual(pruned, []);
    const both = [
      [24, "source.local"],
      [240, undefined],
    ];
    const first = await run();
    assert.deepEqual(pruned, both);
    assert.ok(first.log.some(({ message }) => message.startsWith("build cache: 1.2GB")));
    deployed(first);
    await run();
    assert.deepEqual(pruned, both);
  });

  it("builds without the cache when `fresh` changes, and with it afterwards", async () => {
    const fresh = await run({ fresh: "today" });
    deployed(fresh);
    const again = await run({ fresh: "today" });
    assert.equal(noCache(again), true, "nothing changed");
    writeFileSync(path.join(folder, "web", "page"), "changed");
    assert.equal(noCache(await run({ fresh: "today" })), false);
    assert.equal(noCache(await run({ fresh: "tomorrow" })), true);
  });

  describe("with promoteFrom", () => {
    it("deploys the digests of the other stack, from this stack's registry, and has no docker resource", async () => {
      const { result } = await run();
      stacks["acme/everfresh/staging"] = proved(result);
      writeFileSync(path.join(folder, "web/page"), "edited since");
      outside.registry = () => assert.fail("the registry is asked");
      const promoted = await run({ promoteFrom: "staging" });
      assert.deepEqual(dockerResources(promoted), []);
      const { built: _, ...web } = result.images.web!;
      assert.deepEqual(promoted.result.images.web, web);
      assert.ok(promoted.resources.some(({ name }) => name === "web1-up"));
    });

    it("is refused a stack that has deployed nothing, or lacks an image", async () => {
      const line = "everfresh:promoteFrom: stack staging has ";
      await refused(run({ promoteFrom: "staging" }), `${line}deployed nothing yet; `);
      const { result } = await run();
      const { web: _, ...images } = result.images;
      stacks["acme/everfresh/staging"] = { ...proved(result), images };
      await refused(run({ promoteFrom: "staging" }), `${line}no image of web; `);
    });

    it("is refused an image that a host of the other stack has not proved", async () => {
      const { result } = await run();
      const { web, api } = result.images;
      const newer = { ...web!, digest: `sha256:${"ee".repeat(32)}` };
      // What `build-only` leaves behind: an image that no host runs.
      stacks["acme/everfresh/staging"] = { ...proved(result), images: { web: newer, api: api! } };
      const line = "everfresh:promoteFrom: stack staging has not proved its latest image of ";
      await refused(run({ promoteFrom: "staging" }), `${line}web; deploy it there first`);
      const { hosts } = proved(result);
      stacks["acme/everfresh/staging"] = { ...result, hosts: { ...hosts, web2: result.hosts.web2! } };
      await refused(run({ promoteFrom: "staging" }), `${line}api; deploy it there first`);
    });

    it("asks no proof of a service that has no container", async () => {
      const { compose } = outside;
      const api = { build: { context: path.join(folder, "api") }, scale: 0 };
      outside.compose = () => ({ ...compose(), ...printed({ name: "shop", services: { api } }) });
      const { result } = await run();
      stacks["acme/everfresh/staging"] = result;
      assert.equal((await run({ promoteFrom: "staging" })).result.images.api!.digest, digest);
    });

    it("makes another release of another digest, also of the same content", async () => {
      const { result } = await run();
      stacks["acme/everfresh/staging"] = proved(result);
      const before = await run({ promoteFrom: "staging" });
      const images = {
        ...result.images,
        web: { ...result.images.web!, digest: `sha256:${"ee".repeat(32)}` },
      };
      stacks["acme/everfresh/staging"] = proved({ ...result, images });
      const after = await run({ promoteFrom: "staging" });
      assert.deepEqual(changed(before, after), ["release-id"]);
    });
  });

  describe("with release", () => {
    it("deploys what the hosts keep, and needs neither a registry nor docker", async () => {
      outside.registry = () => assert.fail("the registry is asked");
      const pinned = await run({ release: "shop-1", registry: {} });
      assert.deepEqual(dockerResources(pinned), []);
      assert.equal(pinned.result.release, "shop-1");
      const { triggers, stdin } = named(pinned, "web1-up").inputs;
      assert.match(JSON.stringify(triggers), /"release":"shop-1"/);
      assert.match(reveal(stdin) as string, /^release=shop-1\nkept=1$/m);
    });

    it("needs no file of the working tree, and does not say that the release comes from it", async () => {
      rmSync(path.join(folder, "conf"));
      const { result } = await run({ release: "shop-1" });
      assert.deepEqual(Object.keys(result).sort(), [
        "hosts",
        "images",
        "layers",
        "lineage",
        "project",
        "release",
        "urls",
      ]);
    });

    it("remembers what the stack has built, so that nothing is built again when the pin is gone", async () => {
      const fresh = { fresh: "today" };
      outside.layers = () => [{ diffId: `sha256:${"ab".repeat(32)}`, bytes: 100 }];
      const first = await run(fresh);
      deployed(first);
      const pin = { ...fresh, release: "shop-1" };
      const pinned = await run(pin);
      deployed(pinned);
      assert.deepEqual((await run(pin)).result, pinned.result);

      outside.registry = () => assert.fail("the registry is asked for what is known");
      outside.layers = () => assert.fail("a registry is asked for layers");
      const cleared = await run(fresh);
      assert.deepEqual(dockerResources(cleared), []);
      for (const service of ["api", "web"]) {
        const { built: _, noCache: __, ...image } = first.result.images[service]!;
        assert.deepEqual(cleared.result.images[service], image);
      }
      assert.deepEqual(cleared.result.layers, first.result.layers);
      writeFileSync(path.join(folder, "web/page"), "edited");
      outside.registry = () => undefined;
      outside.layers = undefined;
      assert.equal(noCache(await run(fresh)), false, "fresh has not changed");
    });

    it("keeps the key of the files' fingerprints", async () => {
      const key = "release-fingerprint-key";
      const [free, pinned] = [await run(), await run({ release: "shop-1" })];
      assert.deepEqual(named(pinned, key), named(free, key));
    });
  });

  it("refuses a build that sees what everfresh itself writes, which would never come to rest", async () => {
    const context = path.join(folder, "run");
    mkdirSync(path.join(context, ".everfresh"));
    writeFileSync(path.join(context, ".everfresh", "note"), "");
    writeFileSync(path.join(context, "Dockerfile"), "FROM scratch\nCOPY . /\n");
    const { compose } = outside;
    outside.compose = () => ({
      ...compose(),
      ...printed({ name: "shop", services: { web: { build: { context } } } }),
    });
    await refused(run(), "services.web.build.context: the build sees .everfresh, ");
    writeFileSync(path.join(context, ".dockerignore"), ".everfresh\n");
    await run();
  });

  it("names every problem at once, without a stack trace, before anything is declared", async () => {
    rmSync(path.join(folder, "conf"));
    rmSync(path.join(folder, "web/Dockerfile"));
    outside.host = (name) => {
      throw new Problems([`everfresh:hosts (${name}): cannot be reached; check it`]);
    };
    await refused(
      run(),
      "services.api.volumes (/etc/conf): ./conf does not exist; ",
      `${path.join(folder, "web")}`,
      "everfresh:hosts (web1): cannot be reached; check it",
      "everfresh:hosts (web2): cannot be reached; check it",
    );
  });

  it("refuses what no host can be told before anything is declared", async () => {
    const { compose } = outside;
    const redis = { image: "-redis" };
    outside.compose = () => ({ ...compose(), ...printed({ name: "shop", services: { redis } }) });
    await refused(run(), 'service "redis", image: "-redis" cannot be carried to a host; ');
  });

  it("names every mistake in the configuration before it looks anywhere", async () => {
    outside.compose = () => assert.fail("the compose file is read");
    await refused(
      run({ hosts: [], keepReleases: "0", registry: {} }),
      "everfresh:hosts: ",
      "everfresh:registry.address: ",
      "everfresh:keepReleases: ",
    );
  });

  it("leaves a defect its stack trace", async () => {
    outside.compose = () => {
      throw new TypeError("a defect");
    };
    await assert.rejects(run(), TypeError);
  });
});
