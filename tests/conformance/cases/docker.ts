import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { docker as run } from "../../../lab/docker";
import { eventually } from "../../../lab/poll";
import { type Properties, unknown, type Value } from "../../../lab/pulumi/plugin/properties";
import type { Case, World } from "../case";
import type { ProviderPlugin } from "../provider";

const remoteImage = "docker:index/remoteImage:RemoteImage";
const registryImage = "docker:index/registryImage:RegistryImage";
const tag = "docker:index/tag:Tag";

/** Writes a context into the folder that the plugin works in. Its files are given by name. */
async function context({ folder }: World, files: Record<string, string>): Promise<void> {
  await mkdir(path.join(folder, "app"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, "app", name), text);
}

/** The image of a case, in the lab's registry. */
const imageName = ({ lab }: World, name: string) => `${lab.registry.address}/conformance/${name}:content-1`;

const built = (world: World, name: string, build: Properties = {}): Properties => ({
  name: imageName(world, name),
  triggers: { content: "1" },
  keepLocally: true,
  build: { context: "app", buildLogFile: "build.log", ...build },
});

const auth = ({ lab: { registry } }: World, changes: Properties = {}): Properties => ({
  address: `http://${registry.address}`,
  username: registry.username,
  password: registry.password,
  ...changes,
});

const pushed = (world: World, name: string, authConfig: Properties = auth(world)): Properties => ({
  name: imageName(world, name),
  triggers: { content: "1" },
  keepRemotely: true,
  authConfig,
});

/** The inputs that the engine has after a check. */
async function checked(plugin: ProviderPlugin, type: string, news: Properties): Promise<Properties> {
  const answer = await plugin.check(type, news);
  if ("inputs" in answer && answer.inputs) return answer.inputs;
  throw new Error(JSON.stringify(answer));
}

async function create(plugin: ProviderPlugin, type: string, news: Properties) {
  return plugin.create(type, await checked(plugin, type, news));
}

/** Builds an image with one file, the same for both sides. */
async function someImage(plugin: ProviderPlugin, world: World, name: string): Promise<Properties> {
  await context(world, { Dockerfile: "FROM scratch\nCOPY page /\n", page: name });
  const outcome = await create(plugin, remoteImage, built(world, name));
  if ("error" in outcome) throw new Error(outcome.error);
  return outcome.properties;
}

/** An answer without the words of Go's libraries. */
function essence<T>(answer: T): T {
  const error = (answer as { error?: string }).error?.replace(
    /(Error loading registry auth config:|no auth config found for registry \S+).*/s,
    "$1",
  );
  return error === undefined ? answer : { ...answer, error };
}

/** Puts a credential helper on the plugin's PATH. */
async function helper({ folder }: World, name: string, answer: string, status = 0): Promise<void> {
  const file = path.join(folder, "bin", `docker-credential-${name}`);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\ncat >/dev/null\necho '${answer}'\nexit ${status}\n`, { mode: 0o755 });
}

const defined = (properties: Partial<Properties>): Properties =>
  Object.fromEntries(
    Object.entries(properties).filter((entry): entry is [string, Value] => entry[1] !== undefined),
  );

export const dockerCases: Case<ProviderPlugin>[] = [
  {
    name: "says what it takes",
    ask: async (plugin) => plugin.capabilities,
  },
  {
    name: "fills in the defaults of a build",
    ask: async (plugin, world) => [
      await plugin.check(remoteImage, built(world, "a")),
      await plugin.check(
        remoteImage,
        built(world, "a", {
          dockerfile: "docker/a.Dockerfile",
          buildArgs: { A: "1" },
          label: { "dev.everfresh.content": "1" },
          additionalContexts: ["base=docker-image://debian"],
          secrets: [
            { id: "key", src: "key" },
            { id: "other", env: "OTHER" },
          ],
          target: "one",
          platform: "linux/amd64",
          networkMode: "host",
          extraHosts: ["a:1.2.3.4"],
          shmSize: 1 << 27,
          provenance: "mode=max",
          sbom: "true",
          noCache: true,
          pullParent: false,
          cacheFroms: [],
          cacheTos: [],
        }),
      ),
      await plugin.check(remoteImage, {
        ...built(world, "a"),
        name: unknown,
        triggers: { content: unknown },
      }),
      await plugin.check(remoteImage, built(world, "a", { context: unknown })),
    ],
  },
  {
    name: "fills in the defaults of a push and of a tag",
    ask: async (plugin, world) => [
      await plugin.check(registryImage, pushed(world, "a")),
      await plugin.check(registryImage, { ...pushed(world, "a"), name: unknown }),
      await plugin.check(registryImage, pushed(world, "a", auth(world, { password: unknown }))),
      await plugin.check(tag, { sourceImage: "a", targetImage: "b" }),
      await plugin.check(tag, { sourceImage: unknown, targetImage: "b" }),
    ],
  },
  {
    name: "sees what differs in a build, and replaces for what makes another image",
    ask: async (plugin, world) => {
      const given = built(world, "a", {
        buildArgs: { A: "1" },
        label: { a: "1" },
        secrets: [{ id: "key", src: "key" }],
        cacheFroms: [],
        noCache: false,
      });
      const olds = await checked(plugin, remoteImage, given);
      await context(world, { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" });
      await writeFile(path.join(world.folder, "key"), "hidden");
      const made = await plugin.create(remoteImage, olds);
      if ("error" in made) return made;
      const build = given.build as Properties;
      const diff = async (changes: Properties) =>
        plugin.diff(
          remoteImage,
          olds,
          await checked(plugin, remoteImage, { ...given, ...changes }),
          made.properties,
        );
      const { label, ...unlabelled } = build;
      return [
        await diff({}),
        await diff({ name: imageName(world, "b") }),
        await diff({ name: unknown }),
        await diff({ triggers: { content: "2" } }),
        await diff({ triggers: { content: "1", built: "2" } }),
        await diff({ triggers: { content: unknown } }),
        await diff({ build: { ...build, context: "other" } }),
        await diff({ build: { ...build, dockerfile: "other" } }),
        await diff({ build: { ...build, buildArgs: { A: "2" } } }),
        await diff({ build: { ...build, buildArgs: {} } }),
        await diff({ build: { ...build, label: { a: "2", b: "3" } } }),
        await diff({ build: unlabelled }),
        await diff({ build: { ...build, secrets: [] } }),
        await diff({ build: { ...build, secrets: [{ id: "key", env: "KEY" }] } }),
        await diff({ build: { ...build, additionalContexts: ["c=d"] } }),
        await diff({ build: { ...build, cacheFroms: ["a"] } }),
        await diff({ build: { ...build, noCache: true } }),
        await diff({ build: { ...build, target: "t" } }),
        await diff({ build: { ...build, platform: "linux/arm64" } }),
        await diff({ build: { ...build, extraHosts: ["a:1"] } }),
        await diff({ build: { ...build, shmSize: 1 << 27 } }),
        await diff({ build: { ...build, provenance: "true" } }),
        await diff({ build: { ...build, sbom: "true" } }),
        await diff({ build: { ...build, buildLogFile: "other.log" } }),
      ];
    },
  },
  {
    name: "sees what differs in a push and a tag, and deletes a push before it replaces it",
    ask: async (plugin, world) => {
      const { name, imageId } = await someImage(plugin, world, "a");
      const given = pushed(world, "a");
      const olds = await checked(plugin, registryImage, given);
      const made = await plugin.create(registryImage, olds);
      const names = { sourceImage: imageId!, targetImage: name! };
      const oldTag = await checked(plugin, tag, names);
      const tagged = await plugin.create(tag, oldTag);
      if ("error" in made || "error" in tagged) return [made, tagged];
      const diff = async (changes: Partial<Properties>) =>
        plugin.diff(
          registryImage,
          olds,
          await checked(plugin, registryImage, defined({ ...given, ...changes })),
          made.properties,
        );
      const diffTag = async (news: Properties) =>
        plugin.diff(tag, oldTag, await checked(plugin, tag, { ...names, ...news }), tagged.properties);
      return [
        await diff({}),
        await diff({ name: imageName(world, "b") }),
        await diff({ name: unknown }),
        await diff({ triggers: { content: "2" } }),
        await diff({ authConfig: auth(world, { password: "other" }) }),
        await diff({ authConfig: auth(world, { address: "elsewhere" }) }),
        await diff({ authConfig: undefined }),
        await diffTag({}),
        await diffTag({ targetImage: "c" }),
        await diffTag({ sourceImage: "d" }),
        await diffTag({ sourceImage: unknown }),
      ];
    },
  },
  {
    name: "keeps what a provider is configured with, and replaces nothing when it changes",
    ask: async (plugin, world) => {
      const config = (...registryAuth: Properties[]) => ({ registryAuth: JSON.stringify(registryAuth) });
      const [address, other] = [auth(world).address!, "registry.example.com"];
      const forms = [
        {},
        config({ address }),
        config({ address, authDisabled: true }),
        config({ address: other }),
        config({ address: other, configFileContent: "{}" }),
      ];
      const answers = [];
      for (const [i, form] of forms.entries())
        answers.push(await plugin.checkConfig(form), await plugin.diffConfig(form, forms.at(i - 1)!));
      return answers;
    },
  },
  {
    name: "pushes and reads with the login that docker has",
    ask: async (plugin, world) => {
      const { username, password } = world.lab.registry;
      const { authConfig, ...inputs } = pushed(world, "login");
      await someImage(plugin, world, "login");
      const base64 = Buffer.from(`${username}:${password}`).toString("base64");
      const { address: host } = world.lab.registry;
      const helpers = { credHelpers: { [host]: "everfresh-test" } };
      await helper(world, "everfresh-test", JSON.stringify({ Username: username, Secret: password }));
      await helper(world, "everfresh-none", "credentials not found in native keychain", 1);
      await helper(world, "everfresh-broken", "something is wrong", 1);
      await helper(world, "everfresh-token", JSON.stringify({ Username: "<token>", Secret: "refresh" }));
      const answers = [];
      for (const config of [
        { auths: { [host]: { auth: base64 } } },
        { auths: { [`http://${host}/v1/`]: { auth: base64 } } },
        { auths: { "registry.example.com": { auth: base64 } } },
        { auths: { [host]: { auth: "damaged" } } },
        { auths: { [host]: { identitytoken: "refresh" } } },
        helpers,
        { ...helpers, credsStore: "everfresh-broken", auths: { [host]: {} } },
        { credsStore: "everfresh-test" },
        { credsStore: "everfresh-none", auths: { [host]: { auth: base64 } } },
        { credsStore: "everfresh-broken" },
        { credsStore: "everfresh-token" },
        { credsStore: "everfresh-missing" },
        [],
      ]) {
        await writeFile(path.join(world.folder, "config.json"), JSON.stringify(config));
        const configFile = path.join(world.folder, "config.json");
        const entry = { address: auth(world).address!, configFile };
        const configured = await plugin.configure({ registryAuth: JSON.stringify([entry]) });
        answers.push(configured);
        if (configured !== "configured") continue;
        const made = await create(plugin, registryImage, inputs);
        answers.push(made);
        if ("error" in made) continue;
        answers.push(await plugin.read(registryImage, made.id, made.properties, inputs));
      }
      return answers.map(essence);
    },
  },
  {
    name: "pushes and reads nothing for a registry that it has no login for",
    ask: async (plugin, world) => {
      const { authConfig, ...inputs } = pushed(world, "nologin");
      await someImage(plugin, world, "nologin");
      const state = { ...inputs, id: "i", sha256Digest: "d" };
      const answers = [];
      const address = auth(world).address!;
      for (const registryAuth of [
        [],
        [{ address: "registry.example.com", authDisabled: true }],
        [{ address, authDisabled: true }],
        [{ address, configFile: path.join(world.folder, "none.json") }],
        [{ address, configFileContent: "{}" }],
        [{ address, configFileContent: "[]" }],
        [{ address, configFileContent: JSON.stringify({ credsStore: "everfresh-missing" }) }],
      ]) {
        const configured = await plugin.configure({ registryAuth: JSON.stringify(registryAuth) });
        answers.push(configured);
        if (configured !== "configured") continue;
        answers.push(await create(plugin, registryImage, inputs));
        answers.push(await plugin.read(registryImage, "i", state, inputs));
      }
      return answers.map(essence);
    },
  },
  {
    name: "knows no id and no digest in preview, and keeps those of what is updated",
    ask: async (plugin, world) => {
      const image = await checked(plugin, remoteImage, built(world, "a", { buildArgs: { A: "1" } }));
      const push = await checked(plugin, registryImage, pushed(world, "a"));
      const state = { ...push, id: "i", sha256Digest: "d", insecureSkipVerify: false };
      const news = await checked(
        plugin,
        registryImage,
        pushed(world, "a", auth(world, { username: "other" })),
      );
      return [
        await plugin.create(remoteImage, image, { preview: true }),
        await plugin.create(
          remoteImage,
          await checked(plugin, remoteImage, { ...built(world, "a"), name: unknown }),
          {
            preview: true,
          },
        ),
        await plugin.create(registryImage, push, { preview: true }),
        await plugin.create(
          registryImage,
          await checked(plugin, registryImage, { ...pushed(world, "a"), name: unknown }),
          {
            preview: true,
          },
        ),
        await plugin.update(registryImage, "i", state, push, news, { preview: true }),
        await plugin.create(tag, await checked(plugin, tag, { sourceImage: unknown, targetImage: "b" }), {
          preview: true,
        }),
      ];
    },
  },
  {
    name: "builds an image, reads it, and knows when it is gone",
    ask: async (plugin, world) => {
      const inputs = await checked(plugin, remoteImage, built(world, "build"));
      const state = await someImage(plugin, world, "build");
      const read = await plugin.read(remoteImage, state.id as string, state, inputs);
      await run(["rmi", state.name as string]);
      const gone = await plugin.read(remoteImage, state.id as string, state, inputs);
      return [state, read, gone, plugin.logs()];
    },
  },
  {
    name: "gives the builder arguments, labels, a target, hosts, secrets and shared memory",
    ask: async (plugin, world) => {
      await context(world, {
        Dockerfile: [
          "FROM debian:trixie-slim AS one",
          "ARG A B HTTP_PROXY",
          "RUN --mount=type=secret,id=file --mount=type=secret,id=variable \\",
          '  echo "$A|$B|$HTTP_PROXY|$(md5sum </run/secrets/file)|$(md5sum </run/secrets/variable)" >/all; \\',
          "  grep peer /etc/hosts >>/all; df -k --output=size /dev/shm | tail -1 >>/all",
          "FROM scratch AS two",
          "FROM scratch AS three",
          "COPY --from=one /all /",
          "FROM scratch",
        ].join("\n"),
      });
      await writeFile(path.join(world.folder, "hidden"), "secret");
      const outcome = await create(
        plugin,
        remoteImage,
        built(world, "options", {
          target: "three",
          buildArgs: { A: 'quo"te $HOME \\', B: "", HTTP_PROXY: "http://proxy.example" },
          label: { "com.example.team": 'a "quoted" = $HOME', empty: "" },
          secrets: [
            { id: "file", src: "hidden" },
            { id: "variable", env: "SECRET_OF_BUILD" },
          ],
          extraHosts: ["peer:10.1.2.3"],
          shmSize: 96 << 20,
          provenance: "false",
          sbom: "false",
          noCache: true,
        }),
      );
      if ("error" in outcome) return outcome;
      const name = outcome.properties.name as string;
      const labels = JSON.parse(await run(["inspect", "--format={{json .Config.Labels}}", name]));
      const id = await run(["create", name, "none"]);
      const tar = await run(["cp", `${id}:/all`, "-"]);
      await run(["rm", id]);
      await run(["rmi", name]);
      return [labels, tar.slice(tar.indexOf("quo")).split("\0")[0]];
    },
  },
  {
    name: "tells the failing step in the log, and the reason in its error",
    sideBySide: true,
    ask: async (plugin, world) => {
      const failures = [];
      for (const [file, changes] of [
        ["FROM debian:trixie-slim\nRUN echo before; sleep 0.3; echo 'why' >&2; exit 3\n", {}],
        ["FROM scratch\nCOPY missing /\n", {}],
        ["FROM scratch\nNONSENSE\n", {}],
        ["FROM scratch\n", { target: "none" }],
        ["FROM scratch\n", { dockerfile: "elsewhere" }],
        ["FROM scratch\n", { context: "nowhere" }],
        ["FROM scratch\n", { provenance: "nonsense" }],
        ["FROM scratch\nLABEL a=b\n", { provenance: "true" }],
        ["FROM scratch\nLABEL a=b\n", { sbom: "true" }],
        ["FROM no-such-image.invalid/x\n", {}],
      ] as [string, Properties][]) {
        await context(world, { Dockerfile: file });
        await writeFile(path.join(world.folder, "build.log"), "");
        const outcome = await create(
          plugin,
          remoteImage,
          built(world, "failing", { noCache: true, ...changes }),
        );
        const log = await readFile(path.join(world.folder, "build.log"), "utf8");
        const end = log.split("------\n")[1] ?? null;
        failures.push([outcome, end?.replace(/^\d+\.\d+ /gm, "") ?? null]);
      }
      return failures;
    },
  },
  {
    name: "pushes an image, and reads the digest that the registry has",
    ask: async (plugin, world) => {
      const inputs = await checked(plugin, registryImage, pushed(world, "push"));
      await someImage(plugin, world, "push");
      const made = await plugin.create(registryImage, inputs);
      if ("error" in made) return made;
      const { id, properties } = made;
      const other = await checked(
        plugin,
        registryImage,
        pushed(world, "push", auth(world, { username: "other" })),
      );
      return [
        made,
        await plugin.read(registryImage, id, properties, inputs),
        await plugin.update(registryImage, id, properties, inputs, other),
        await plugin.read(registryImage, id, { ...properties, name: imageName(world, "absent") }, inputs),
        await plugin.read(
          registryImage,
          id,
          { ...properties, authConfig: auth(world, { password: "no" }) },
          inputs,
        ),
        await plugin.delete(registryImage, id, properties),
        await plugin.read(registryImage, id, properties, inputs),
      ];
    },
  },
  {
    name: "says why an image cannot be pushed",
    sideBySide: true,
    ask: async (plugin, world) => {
      await someImage(plugin, world, "refused");
      return [
        await create(plugin, registryImage, pushed(world, "refused", auth(world, { password: "wrong" }))),
        await create(plugin, registryImage, pushed(world, "absent")),
      ];
    },
  },
  {
    name: "gives an image a second name",
    ask: async (plugin, world) => {
      const { imageId, name } = await someImage(plugin, world, "tag");
      const target = `${imageName(world, "tag")}-second`;
      const made = await create(plugin, tag, { sourceImage: imageId!, targetImage: target });
      const id = await run(["inspect", "--format={{.Id}}", target]);
      await run(["rmi", target, name as string]);
      return [
        made,
        id === imageId,
        await create(plugin, tag, { sourceImage: `sha256:${"0".repeat(64)}`, targetImage: target }),
      ];
    },
  },
  {
    // For a resource that ignores all changes, the engine sends the inputs from the state.
    name: "finds no difference to inputs that it has checked before",
    ask: async (plugin, world) => {
      const resources: [string, Properties][] = [
        [remoteImage, built(world, "same", { noCache: true, additionalContexts: ["base=b"] })],
        [registryImage, pushed(world, "same")],
        [tag, { sourceImage: imageName(world, "same"), targetImage: imageName(world, "other") }],
      ];
      const answers = resources.map(async ([type, given]) => {
        const olds = await checked(plugin, type, given);
        const again = await plugin.check(type, olds, olds);
        return "inputs" in again && again.inputs
          ? [again.inputs, await plugin.diff(type, olds, again.inputs)]
          : again;
      });
      return Promise.all(answers);
    },
  },
  {
    name: "lets a build end when it is told to stop",
    ask: async (plugin, world) => {
      await context(world, { Dockerfile: "FROM debian:trixie-slim\nRUN echo begun; sleep 2\n" });
      const running = create(plugin, remoteImage, built(world, "cancelled", { noCache: true }));
      await eventually("a step", async () =>
        (await readFile(path.join(world.folder, "build.log"), "utf8")).includes("begun"),
      );
      await plugin.cancel();
      return running;
    },
  },
];
