import assert from "node:assert/strict";
import path from "node:path";
import { placeMounts, type SourceFacts } from "../../../../core/compose/mounts";
import { readProject } from "../../../../core/compose/read-project";
import { renderCompose } from "../../../../core/compose/render";
import { printed } from "../../../support/compose";

const folder = "/srv/shop";

interface Service {
  /** In compose's short syntax; `!` after the target: no folder is to be made (`create_host_path: false`). */
  volumes: string[];
  build?: { context: string };
  mounts?: Record<string, string>;
}

/** Places the relative mounts of services; `facts` are by the source as it is written. */
function place(services: Record<string, Service>, facts: Record<string, SourceFacts> = {}) {
  const absolute = (source: string) => path.resolve(folder, source);
  const volumes = (service: Service, resolved: boolean) =>
    service.volumes.map((volume) => {
      const [source = "", target = "", mode] = volume.replace("!", "").split(":");
      return {
        ...{ type: "bind", source: resolved ? absolute(source) : source, target },
        ...(mode === "ro" && { read_only: true }),
        bind: volume.includes("!") ? { create_host_path: false } : {},
      };
    });
  const document = (resolved: boolean) => ({
    name: "shop",
    services: Object.fromEntries(
      Object.entries(services).map(([name, service]) => [
        name,
        {
          ...(service.build ? { build: { context: absolute(service.build.context) } } : { image: "some:1" }),
          volumes: volumes(service, resolved),
          ...(service.mounts && { "x-everfresh": { mounts: service.mounts } }),
        },
      ]),
    ),
  });
  const text = { ...printed(document(true), document(false)), folder, environment: {} };
  const project = readProject(text);
  const problems: string[] = [];
  const known = new Map(Object.entries(facts).map(([source, fact]) => [absolute(source), fact]));
  const { files, hostPaths } = placeMounts(project, known, problems);
  return { project, problems, files, shipped: files.map(({ source }) => source), hostPaths };
}

/** Where one mount of service `web` ends up: `ship`, `<kind> <path on the host>[, made]`, or what is wrong. */
function placeOf(volume: string, facts: SourceFacts = {}, more: Partial<Service> = {}): string {
  const source = volume.split(":")[0]!;
  const { problems, shipped, hostPaths } = place(
    { web: { volumes: [volume], ...more } },
    { [source]: facts },
  );
  const [found] = hostPaths.values();
  const said = found ? `${found.kind} ${found.path}${found.made ? ", made" : ""}` : "ship";
  assert.equal(problems.length + shipped.length + hostPaths.size, 1);
  return problems[0] ?? said;
}

const untracked = { tracked: false, ignored: false };
const ignored = { tracked: false, ignored: true };
const tracked = { tracked: true, ignored: false };

describe("a relative bind mount", () => {
  for (const [name, facts] of [
    ["does not exist here", {}],
    ["does not exist here, in a working tree", untracked],
    ["is ignored by git", { kind: "folder", ...ignored }],
    ["contains nothing that git tracks", { kind: "folder", ...untracked }],
    ["is empty, without git", { kind: "folder", empty: true }],
  ] satisfies [string, SourceFacts][]) {
    it(`is a folder on the host if containers write to it and it ${name}`, () =>
      assert.equal(placeOf("./pgdata:/data", facts), "folder mounts/pgdata, made"));
  }

  for (const file of ["acme.json", "data/db.sqlite3", "app.db", "acme-staging.json", "access.log"])
    it(`is a file on the host, empty at first, if it is called ${file}, because containers keep data in it`, () => {
      assert.equal(placeOf(`./${file}:/data/x`), `file mounts/${file}, made`);
      assert.equal(placeOf(`./${file}:/data/x`, { kind: "file", ...untracked }), `file mounts/${file}, made`);
    });

  it("is a file on the host that must exist there if git ignores it and it does not exist here", () => {
    assert.equal(placeOf("./certs/a.pem:/a.pem:ro", ignored), "file mounts/certs/a.pem");
    assert.equal(placeOf("./conf.json:/conf.json", ignored), "file mounts/conf.json");
    assert.equal(placeOf("./certs:/certs:ro", ignored), "folder mounts/certs");
  });

  it("is a file on the host that must exist there if it is writable and git does not track it", () =>
    assert.equal(placeOf("./.env:/app/.env", { kind: "file", ...ignored }), "file mounts/.env"));

  it("is a folder if its path ends with a slash, whatever its name", () =>
    assert.equal(placeOf("./site.conf/:/sites"), "folder mounts/site.conf, made"));

  it("must exist on the host if docker must not create it", () =>
    assert.equal(placeOf("./data:/data!"), "folder mounts/data"));

  for (const [volume, facts] of [
    ["./prometheus:/etc/prometheus", { kind: "folder", ...tracked }],
    ["./conf:/conf:ro", { kind: "folder", ...untracked }],
    ["./certs:/certs:ro", { kind: "folder", ...ignored }],
    ["./a.conf:/a.conf", { kind: "file" }],
    ["./a.conf:/a.conf", { kind: "file", ...tracked }],
    ["./db.sqlite3:/db", { kind: "file", ...tracked }],
    ["./socket:/socket", { kind: "other" }],
  ] satisfies [string, SourceFacts][]) {
    it(`is shipped: ${volume}, ${JSON.stringify(facts)}`, () => assert.equal(placeOf(volume, facts), "ship"));
  }

  for (const [name, volume, facts, wrong] of [
    [
      "a missing file that git neither tracks nor ignores",
      "./nginx.conf:/etc/nginx.conf:ro",
      untracked,
      "./nginx.conf does not exist, and docker would make an empty folder of that name; create it to have it shipped, correct the path, or set `x-everfresh: {mounts: {./nginx.conf: host}}` if it is made on the host",
    ],
    [
      "a missing folder that is mounted read-only",
      "./html:/html:ro",
      {},
      "./html does not exist; create it to have it shipped, correct the path, or set `x-everfresh: {mounts: {./html: host}}` if it is made on the host",
    ],
    [
      "a missing folder that git tracks",
      "./conf:/conf",
      tracked,
      "./conf is tracked by git but is not here; restore it, or correct the path",
    ],
    [
      "a writable folder without git",
      "./conf:/conf",
      { kind: "folder" },
      "containers may write to ./conf, and without git everfresh cannot tell whether it holds configuration or their data; mount it read-only (`:ro`), or set `x-everfresh: {mounts: {./conf: ship}}` (sent with each release) or `x-everfresh: {mounts: {./conf: host}}` (stays on the host, never sent)",
    ],
  ] satisfies [string, string, SourceFacts, string][]) {
    it(`refuses ${name}`, () =>
      assert.equal(placeOf(volume, facts), `services.web.volumes (${volume.split(":")[1]}): ${wrong}`));
  }

  it("refuses a development layout, which mounts the sources over what was built from them", () => {
    const layout = (name: string) =>
      `services.web.volumes (/app): a development layout: ${name} is mounted over what the image has in /app, so what is built would not be what runs; keep this mount in a compose file that only developers use, such as compose.override.yaml, or set \`x-everfresh: {mounts: {${name}: ship}}\` if containers should have it`;
    const here: SourceFacts = { kind: "folder", ...tracked };
    assert.equal(placeOf(".:/app", here), layout("."));
    assert.equal(placeOf("./web:/app", here, { build: { context: "./web" } }), layout("./web"));
    assert.equal(placeOf("./:/app", here, { build: { context: "./web" } }), layout("."));
    assert.equal(placeOf("./web/conf:/app", here, { build: { context: "./web" } }), "ship");
    assert.equal(placeOf("./web:/app:ro", here, { build: { context: "./web" } }), "ship");
  });

  it("is not a development layout if it is configuration beside a Dockerfile", () => {
    const here: SourceFacts = { kind: "folder", ...tracked };
    const build = { context: "./web" };
    assert.equal(placeOf("./web:/etc/web", here, { build }), "ship");
    assert.equal(placeOf("./web:/usr/local/etc/web", here, { build }), "ship");
    assert.match(placeOf(".:/etc/web", here, { build }), /a development layout: \. is/);
    const { problems } = place(
      { web: { volumes: ["./web:/etc/web", "./web:/app"], build } },
      { "./web": here },
    );
    assert.match(
      problems.join(),
      /a development layout: \.\/web is mounted over what the image has in \/app,/,
    );
  });

  it("goes where x-everfresh.mounts says", () => {
    const chosen = (place: string, facts: SourceFacts) =>
      placeOf("./conf:/conf", facts, { mounts: { "./conf": place } });
    assert.equal(chosen("host", { kind: "folder", ...tracked }), "folder mounts/conf, made");
    assert.equal(chosen("ship", { kind: "folder", ...untracked }), "ship");
    assert.equal(placeOf("./a.conf:/a:ro", {}, { mounts: { "a.conf": "host" } }), "file mounts/a.conf");
    assert.equal(
      placeOf(".:/app", { kind: "folder" }, { mounts: { ".": "host" } }),
      "folder mounts/_project, made",
    );
  });

  it("from beside the project is placed below the project on the host", () =>
    assert.equal(placeOf("../data/db:/data"), "folder mounts/_parent/data/db, made"));

  it("belongs to the host if its folder does, unless git tracks it", () => {
    const { shipped, hostPaths, problems } = place(
      {
        certbot: { volumes: ["./certbot:/etc/letsencrypt"] },
        web: { volumes: ["./certbot/live/cert.pem:/cert.pem:ro", "./certbot/options.conf:/options.conf:ro"] },
      },
      {
        "./certbot": { kind: "folder", tracked: false },
        "./certbot/options.conf": { kind: "file", ...tracked },
      },
    );
    assert.deepEqual(problems, []);
    assert.deepEqual(shipped, ["/srv/shop/certbot/options.conf"]);
    assert.deepEqual(
      [...hostPaths.values()].map(({ path }) => path),
      ["mounts/certbot", "mounts/certbot/live/cert.pem"],
    );
  });

  it("is left out of the shipped folder around it if it belongs to the host", () => {
    const { files, hostPaths } = place(
      { web: { volumes: ["./etc:/etc/web", "./etc/db.sqlite:/db", "./etc/data:/data", "./etcetera:/e"] } },
      { "./etc": { kind: "folder", ...tracked }, "./etcetera": { kind: "folder", ...ignored } },
    );
    assert.equal(hostPaths.size, 3);
    assert.deepEqual(
      files.map(({ hostPaths }) => Object.fromEntries(hostPaths ?? [])),
      [{ [`${folder}/etc/db.sqlite`]: "file", [`${folder}/etc/data`]: "folder" }],
    );
  });

  it("is shared by all services, and created if one of them may write to it", () => {
    const { hostPaths } = place({
      web: { volumes: ["./certs:/etc/certs:ro"] },
      certbot: { volumes: ["./certs:/etc/letsencrypt"] },
    });
    assert.deepEqual(
      [...hostPaths.values()],
      [
        {
          path: "mounts/certs",
          kind: "folder",
          made: true,
          users: [
            { service: "web", target: "/etc/certs" },
            { service: "certbot", target: "/etc/letsencrypt" },
          ],
        },
      ],
    );
  });

  it("is refused if x-everfresh.mounts names no mount, or if two services disagree", () => {
    const { problems } = place({
      a: { volumes: ["./c:/c"], mounts: { "./c": "ship", "./d": "host" } },
      b: { volumes: ["./c:/c", "./d:/d"], mounts: { "./c": "host" } },
    });
    assert.deepEqual(problems, [
      "services.a.x-everfresh.mounts../d: is not the source of a relative bind mount of this service; name one as `volumes:` writes it",
      "services.b.x-everfresh.mounts../c: another service says `ship`; use the same value in both",
    ]);
  });

  for (const odd of ["./a|b", "./a\tb"])
    it(`is refused if its path is ${JSON.stringify(odd)}, which cannot be sent to a host`, () =>
      assert.equal(
        placeOf(`${odd}:/data`),
        "services.web.volumes (/data): has a `|` or a control character in its path; rename it",
      ));

  it("is rendered as a path on the host, which docker creates only if it is a folder to create", () => {
    const { project, hostPaths } = place({ web: { volumes: ["./data:/data", "./acme.json:/acme.json"] } });
    const rendered = renderCompose(project, { images: {}, files: new Map(), hostPaths });
    assert.deepEqual(
      readProject({ ...printed({}), resolved: rendered, exact: "{}", folder, environment: {} }).document
        .services.web?.volumes,
      [
        { type: "bind", source: "./mounts/data", target: "/data", bind: { create_host_path: true } },
        {
          type: "bind",
          source: "./mounts/acme.json",
          target: "/acme.json",
          bind: { create_host_path: false },
        },
      ],
    );
  });
});
