import assert from "node:assert/strict";
import type { InactiveService } from "../../../core/compose/project";
import { Problems } from "../../../core/problems";
import { planBuilds } from "../../../preflight/built-bases";
import { Folder } from "../core/content/folder";

describe("planBuilds", () => {
  const folder = new Folder();
  const service = (name: string, dockerfileInline: string, more: Partial<InactiveService> = {}) => ({
    name,
    build: folder.spec({ dockerfileInline }),
    buildOptions: { secrets: [], noCache: false, pull: false, cacheFrom: [], cacheTo: [] },
    imageNames: [`shop-${name}`],
    problems: [],
    ...more,
  });
  const plan = async (...of: Parameters<typeof planBuilds>) =>
    (await planBuilds(...of)).planned.map(({ name, bases, images, build }) => ({
      ...{ name, bases, images },
      contexts: build.additionalContexts,
    }));
  const refused = (line: string, ...of: Parameters<typeof planBuilds>) =>
    assert.rejects(planBuilds(...of), new Problems([line]));

  it("puts each build after those whose images it begins with, copies from or mounts", async () => {
    const web = service(
      "web",
      "FROM docker.io/library/shop-api:latest\nCOPY --from=tools /a /\nRUN --mount=from=team/x:2 a\n",
    );
    web.build.additionalContexts = { tools: "service:tools", unused: "service:unused" };
    const api = service("api", "FROM shop-base\nCOPY --from=debian /a /\n");
    const base = service("base", "FROM scratch");
    const mounted = service("mounted", "FROM scratch", { imageNames: ["other", "team/x:2"] });
    const all = [
      web,
      api,
      service("tools", "FROM scratch"),
      service("unused", "FROM scratch"),
      mounted,
      base,
    ];
    assert.deepEqual(await plan(all, []), [
      { name: "tools", bases: [], images: [], contexts: {} },
      { name: "base", bases: [], images: [], contexts: {} },
      { name: "api", bases: ["base"], images: ["debian"], contexts: { "shop-base": "service:base" } },
      { name: "mounted", bases: [], images: [], contexts: {} },
      {
        name: "web",
        bases: ["tools", "api", "mounted"],
        images: [],
        contexts: {
          ...web.build.additionalContexts,
          "docker.io/library/shop-api:latest": "service:api",
          "team/x:2": "service:mounted",
        },
      },
      { name: "unused", bases: [], images: [], contexts: {} },
    ]);
  });

  it("leaves alone images that only look like a service's image", async () => {
    const text = "FROM shop-base:2\nCOPY --from=team/shop-base /a /\nCOPY --from=shop-base@sha256:1 /a /";
    const [planned] = await plan([service("web", text)], [service("base", "FROM scratch")]);
    assert.deepEqual(planned!.bases, []);
  });

  it("builds a service of an inactive profile only if another build needs it", async () => {
    const problems = ["services.base.build.ssh: cannot be had; do without"];
    const base = service("base", "FROM scratch", { problems });
    assert.equal((await plan([service("web", "FROM scratch")], [base])).length, 1);
    await refused(problems[0]!, [service("web", "FROM shop-base")], [base]);
    const built = await plan([service("web", "FROM shop-base")], [{ ...base, problems: [] }]);
    assert.deepEqual(
      built.map(({ name }) => name),
      ["base", "web"],
    );
  });

  it("knows the ONBUILD instructions of services, and the images they name", async () => {
    const base = service("base", "FROM debian\nONBUILD COPY --from=shop-tools /a /\n");
    const tools = service("tools", "FROM scratch");
    const { planned, baseOnBuild } = await planBuilds([service("web", "FROM shop-base")], [base, tools]);
    assert.deepEqual(
      planned.map(({ name, bases }) => [name, bases]),
      [
        ["base", []],
        ["tools", []],
        ["web", ["base", "tools"]],
      ],
    );
    assert.deepEqual(baseOnBuild["service:base"], ["COPY --from=shop-tools /a /"]);
  });

  it("treats every image as needed that an uncertain Dockerfile mentions", async () => {
    const text = "# syntax=other/frontend\nFROM registry.example.com/x\nFROM shop-base:latest AS a\n";
    const [, web] = await plan(
      [service("web", text)],
      [service("base", "FROM scratch"), service("a", "FROM x")],
    );
    assert.deepEqual(web!.contexts, { "shop-base": "service:base" });
  });

  it("refuses builds that need each other", async () => {
    await refused(
      "services.a.build: needs its own image to be built (a → b → c → a); base one of them on another image",
      [service("a", "FROM shop-b"), service("b", "FROM shop-c"), service("c", "FROM shop-a")],
      [],
    );
  });

  it("refuses a build that begins with its own image's name, which means an earlier build or something else", async () => {
    const web = service("web", "FROM nginx", { imageNames: ["nginx:latest"] });
    await refused(
      "services.web.build: its Dockerfile begins with or copies from nginx:latest, which is also the name of its own image; give the service another `image:`, or name that image by its digest",
      [web],
      [],
    );
  });

  it("refuses an image name that two services build, unless they build the same", async () => {
    const [a, b] = ["a", "b"].map((name) => service(name, `FROM ${name}`, { imageNames: ["base"] }));
    const web = service("web", "FROM base");
    await refused(
      "services.web.build: its Dockerfile names base, which a and b build, each differently; give each of them an `image:` of its own",
      [web, a!, b!],
      [],
    );
    assert.equal((await plan([web, a!, { ...b!, build: a!.build }], [])).length, 3);
  });

  it("leaves reporting an unreadable Dockerfile to the identification of the build", async () => {
    const web = service("web", "FROM scratch");
    web.build.context = folder.at("none");
    assert.equal((await plan([web], [])).length, 1);
  });
});
