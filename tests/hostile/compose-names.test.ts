import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { parse } from "yaml";
import { makeBuildFolder } from "../../components/build-folder";
import type { ComposeText } from "../../core/compose/document";
import { readProject } from "../../core/compose/read-project";
import { storePath } from "../../core/compose/render";
import type { BuildSpec } from "../../core/content";
import { repositories } from "../../core/images";
import { deploymentProgram, type WrittenRelease } from "../support/written-release";
import { inABox, listing } from "./support/box";
import { anyText, composeName, line } from "./support/fragments";
import { patienceFor, tryAll } from "./support/inputs";
import { Refusal, rangeError, valueOrRefusal } from "./support/refusals";
import { escaped, exactYaml, fingerprint, type HostDocument, rendered, write } from "./support/rendered";

/** As compose prints a document that it has resolved; for what needs no compose to be seen. */
const resolvedBy = (document: unknown): ComposeText => ({
  warnings: [],
  marks: { home: "/marked-home", folder: "/marked-folder" },
  sources: "",
  fromEnvFile: {},
  createHostPath: false,
  resolved: exactYaml(document),
  exact: exactYaml(document),
  written: exactYaml(document),
  folder: "/project",
  environment: {},
});

describe("hostile names in a resolved document", function () {
  this.timeout(patienceFor(30_000));
  const box = inABox();

  it("keep their values", () => {
    const names = fc.uniqueArray(composeName, { minLength: 1, maxLength: 8 });
    return tryAll("compose files", 120, names, async (names) => {
      const each = <T>(value: (name: string, i: number) => T) =>
        Object.fromEntries(names.map((name, i) => [name, value(name, i)]));
      const document = {
        name: "shop",
        services: each((name, i) => ({
          image: `image-${i}`,
          command: null,
          entrypoint: null,
          environment: { [name]: `e${i}` },
          labels: { [name]: `l${i}` },
          depends_on: Object.fromEntries(
            names.slice(0, i).map((other) => [other, { condition: "service_started" }]),
          ),
          networks: { [name]: null },
          configs: [{ source: name }],
        })),
        networks: each((name) => ({ name: `shop_${name}`, internal: true })),
        configs: each((name) => ({ name: `shop_${name}`, content: `c ${name}` })),
      };
      const project = await valueOrRefusal(() => readProject(resolvedBy(document)));
      if (project instanceof Refusal)
        return assert.ok(
          names.some((name) => /^\.{1,2}$/.test(name)),
          String(project.messages),
        );
      assert.deepEqual(
        project.services.map(({ name, image }) => [name, image]),
        names.map((name, i) => [name, `image-${i}`]),
      );
      const host = parse(rendered(project)) as HostDocument;
      assert.deepEqual(Object.keys(host.services).sort(), [...names].sort());
      for (const [i, name] of names.entries()) {
        const service = new Map(Object.entries(host.services)).get(name)!;
        assert.equal(Object.entries(service.environment!)[0]?.join(), `${name},e${i}`);
        assert.equal(Object.entries(service.labels!).find(([key]) => key === name)?.[1], `l${i}`);
        assert.equal(project.files.find(({ key }) => key === `configs.${name}`)?.text, `c ${name}`);
      }
    });
  });

  it("never lead to a release file outside its place in the store", () => {
    const names = fc.tuple(
      composeName,
      anyText.filter((name) => !name.includes("\0")),
    );
    return tryAll("compose files", 120, names, async ([config, file]) => {
      const document = {
        name: "shop",
        services: { web: { image: "a", configs: [{ source: config }], secrets: [{ source: "key" }] } },
        configs: Object.fromEntries([[config, { content: "x" }]]),
        secrets: { key: { file: escaped(`/project/${file}`) } },
      };
      const project = await valueOrRefusal(() => readProject(resolvedBy(document)));
      if (project instanceof Refusal) return;
      for (const { name } of project.files) {
        const release = releaseWith(name);
        const sent = await valueOrRefusal(() => deploymentProgram(release), { documented: rangeError });
        if (sent instanceof Refusal) continue;
        const place = path.posix.normalize(storePath(fingerprint, name));
        assert.ok(place.startsWith(`store/${fingerprint}/`) && !place.slice(71).includes("/"), place);
      }
    });
  });

  it("make image names that can be pushed, or are refused in our own words", () => {
    const names = fc.uniqueArray(composeName, { maxLength: 5 });
    return tryAll("compose files", 150, fc.tuple(names, composeName), async ([services, project]) => {
      const images = await valueOrRefusal(() => repositories("registry.example.com/team", project, services));
      if (images instanceof Refusal) return;
      const found = Object.entries(images);
      assert.deepEqual(found.map(([service]) => service).sort(), [...services].sort());
      assert.equal(new Set(found.map(([, repository]) => repository)).size, services.length);
      for (const [, repository] of found)
        assert.match(repository, /^registry\.example\.com\/team\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/);
    });
  });

  it("never lead to a build folder outside its own", () => {
    const name = fc.oneof(composeName, anyText);
    const input = fc.record({
      stack: name,
      service: composeName,
      context: name,
      secretId: name,
      dockerfile: fc.option(line, { nil: undefined }),
    });
    return tryAll("compose files", 120, input, async ({ stack, service, context, secretId, dockerfile }) => {
      const builds = path.join(box.own, ".everfresh", "build");
      const source = path.join(box.own, "source");
      write(path.join(source, "Dockerfile"), "FROM scratch\n");
      write(path.join(box.own, "sibling", "file"), "the neighbour's\n");
      const others = () => listing(box.own).filter((line) => !line.startsWith(`${box.own}/.everfresh`));
      const before = others();
      const build: BuildSpec = {
        context: source,
        args: {},
        labels: {},
        platforms: [],
        additionalContexts: Object.fromEntries([[context, source]]),
        secrets: [secretId],
        ...(dockerfile === undefined ? {} : { dockerfile }),
      };
      const secrets = [{ id: secretId, file: path.join(source, "Dockerfile") }];
      const made = await valueOrRefusal(() => makeBuildFolder(stack, service, build, fingerprint, secrets), {
        documented: missing,
      });
      assert.deepEqual(others(), before, "something beside the build's folder was changed");
      if (!(made instanceof Refusal)) {
        // One folder of one service of one stack, and not within another one.
        for (const file of [made.context, made.log])
          assert.match(path.relative(builds, path.resolve(file)), /^(?!\.\.\/)[^/]+\/[^/]+\/[^/]+$/s);
        assert.equal(made.secret(secretId).id, secretId);
      }
      rmSync(path.join(box.own, ".everfresh"), { recursive: true, force: true });
    });
  });
});

/** A Dockerfile that is not there: the content's identity has refused it before a folder is made. */
const missing = (error: Error) =>
  /^(ENOENT|ENOTDIR|EISDIR|ENAMETOOLONG|EINVAL|ERR_FS_EISDIR|ERR_INVALID_ARG_VALUE)/.test(
    (error as NodeJS.ErrnoException).code ?? "",
  ) && (error as NodeJS.ErrnoException).syscall === "copyfile"
    ? []
    : undefined;

function releaseWith(name: string): Parameters<typeof deploymentProgram>[0] {
  const release: WrittenRelease = {
    id: "r1",
    project: "shop",
    tag: "t",
    compose: "services: {}\n",
    files: [
      {
        fingerprint,
        path: name,
        entries: [{ type: "file", path: name, executable: false, bytes: Buffer.from("x") }],
      },
    ],
    services: [],
  };
  const numbers = { keepReleases: 1, lockWait: 1, healthTimeout: 1, settle: 0 };
  return { release, token: "t", lineage: "l", host: "h", who: "w", from: "f", stack: "s", ...numbers };
}
