import assert from "node:assert/strict";
import { readProject } from "../../../../core/compose/read-project";
import { Problems } from "../../../../core/problems";
import { marks, printed } from "../../../support/compose";
import { assertRefused, folder, type Node, read } from "./read";

describe("readProject", () => {
  it("ships an empty inline config, although compose prints it without its content", () => {
    const { files } = read({ web: { configs: [{ source: "c" }] } }, { configs: { c: { name: "shop_c" } } });
    assert.deepEqual(
      files.map(({ key, text }) => [key, text]),
      [["configs.c", ""]],
    );
  });

  it("ships a seccomp profile with a relative path once for all services", () => {
    const security_opt = ["seccomp=./a.json", "seccomp:b.json"];
    const others = ["seccomp=unconfined", "seccomp:builtin", "seccomp=/etc/c.json", "label:seccomp=d"];
    const { files } = read({ web: { security_opt }, api: { security_opt: [security_opt[0], ...others] } });
    assert.deepEqual(
      files.map(({ source, services }) => [source, services]),
      [
        [`${folder}/a.json`, ["web", "api"]],
        [`${folder}/b.json`, ["web"]],
      ],
    );
  });

  it("refuses a seccomp profile in the home folder", () =>
    assertRefused(
      [
        "services.web.security_opt: `~/a.json` means this machine's home folder; use a relative path (shipped) or an absolute one (on the host)",
      ],
      { security_opt: ["seccomp=~/a.json"] },
    ));
});

describe("a bind mount", () => {
  const mount = (source: string) => ({ type: "bind", source, target: "/data" });
  const where = "services.web.volumes (/data)";
  const filesOf = (resolved: string, written: string) =>
    read({ web: { volumes: [mount(resolved)] } }, {}, { web: { volumes: [mount(written)] } }).files;

  for (const [written, resolved] of [
    ["./conf/a.cfg", "/srv/shop/conf/a.cfg"],
    ["../shared/a.cfg", "/srv/shared/a.cfg"],
    [".", "/srv/shop"],
    [`${marks.folder}/conf`, "/srv/shop/conf"],
    ["./a$$b", "/srv/shop/a$$b"],
  ] as const) {
    it(`of ${written} is shipped`, () => {
      const source = resolved.replace("$$", "$");
      assert.deepEqual(filesOf(resolved, written), [
        {
          ...{ key: source, source, where, name: source.slice(source.lastIndexOf("/") + 1) },
          ...{ services: ["web"], writable: true },
          mounts: [{ service: "web", target: "/data" }],
        },
      ]);
    });
  }

  it("is writable if one of its services may write to it; messages name that service", () => {
    const volumes = (read_only: boolean, target: string) => ({
      volumes: [{ ...mount("/srv/shop/c"), read_only, target }],
    });
    const services = { a: volumes(true, "/a"), b: volumes(false, "/b") };
    const written = { a: { volumes: [mount("./c")] }, b: { volumes: [mount("./c")] } };
    const [file] = read(services, {}, written).files;
    assert.deepEqual([file?.writable, file?.where], [true, "services.b.volumes (/b)"]);
    const [same] = read({ a: services.a }, {}, { a: written.a }).files;
    assert.equal(same?.writable, false);
  });

  for (const [written, resolved] of [
    ["/var/run/docker.sock", "/var/run/docker.sock"],
    ["/srv/shop/conf", "/srv/shop/conf"],
  ] as const) {
    it(`of ${written} stays on the host`, () => assert.deepEqual(filesOf(resolved, written), []));
  }

  it("of ~ is refused, because it means this machine's home folder", () => {
    const volumes = (source: string) => ({ web: { volumes: [mount(source)] } });
    assert.throws(
      () => read(volumes("/home/ann/conf"), {}, volumes("~/conf")),
      new Problems([
        `${where}: \`~/conf\` means this machine's home folder; use a relative path (shipped) or an absolute one (on the host)`,
      ]),
    );
  });

  it("of a variable's home folder is refused", () => {
    const volumes = (source: string) => ({ web: { volumes: [mount(source)] } });
    assert.throws(
      () => read(volumes("/home/ann/conf"), {}, volumes(`${marks.home}/conf`)),
      new Problems([
        `${where}: \`$HOME/conf\` means this machine's home folder; use a relative path (shipped) or an absolute one (on the host)`,
      ]),
    );
  });

  it("of an absolute path in the project is shipped if it comes from a variable", () => {
    const volumes = { web: { volumes: [mount("/srv/shop/conf")] } };
    const text = {
      ...printed({ name: "shop", services: volumes }),
      sources: "${CONF}:/etc/conf",
      folder,
      environment: {},
    };
    assert.deepEqual(
      readProject(text).files.map(({ source }) => source),
      ["/srv/shop/conf"],
    );
  });

  it("is recognized if its target is written with a variable", () => {
    const resolved = { web: { volumes: [mount("/srv/up"), { type: "volume", source: "v", target: "/v" }] } };
    const written = { web: { volumes: [{ ...mount("../up"), target: "${WHERE}" }, { type: "volume" }] } };
    assert.equal(read(resolved, {}, written).files[0]?.source, "/srv/up");
  });

  it("is recognized by its target if variables merge two mounts into one", () => {
    const resolved = { web: { volumes: [mount("/srv/up")] } };
    const written = { web: { volumes: [{ ...mount("/abs"), target: "${A}" }, mount("../up")] } };
    assert.equal(read(resolved, {}, written).files[0]?.source, "/srv/up");
  });

  it("of several services is shipped once", () => {
    const services = { a: { volumes: [mount("/srv/shop/c")] }, b: { volumes: [mount("/srv/shop/c")] } };
    const { files } = read(services, {}, { a: { volumes: [mount("./c")] }, b: { volumes: [mount("./c")] } });
    assert.deepEqual(
      files.map(({ services }) => services),
      [["a", "b"]],
    );
  });

  it("is not confused with a named volume", () => {
    assert.deepEqual(
      read({ web: { volumes: [{ type: "volume", source: "data", target: "/d" }] } }).files,
      [],
    );
  });

  for (const source of ["C:\\data", "v:/v", "\\\\server\\share"])
    it(`with the Windows path ${source} is refused`, () =>
      assertRefused(
        [
          `services.web.volumes (/data): \`${source}\` is a Windows path; use a relative path, a path on the host, or a volume name of two letters or more`,
        ],
        { volumes: [{ type: "bind", source, target: "/data" }] },
      ));
});

for (const kind of ["configs", "secrets"] as const) {
  describe(`an entry of ${kind}`, () => {
    const filesOf = (node: Node, environment = {}) =>
      read(
        { web: { [kind]: [{ source: "a" }] } },
        { [kind]: { a: node, unused: { file: "/u" } } },
        {},
        environment,
      ).files;
    const common = { key: `${kind}.a`, where: `${kind}.a`, services: ["web"] };

    it("from a file is shipped with the file's name", () => {
      assert.deepEqual(filesOf({ file: "/srv/shop/a$$.conf" }), [
        { ...common, source: "/srv/shop/a$.conf", name: "a$.conf" },
      ]);
    });

    it("with inline content is shipped", () => {
      assert.deepEqual(filesOf({ content: "level=$$1\n" }), [{ ...common, text: "level=$1\n", name: "a" }]);
    });

    it("from a variable is shipped with the exact value", () => {
      assert.deepEqual(filesOf({ environment: "TOKEN" }, { TOKEN: "$$a" }), [
        { ...common, text: "$$a", name: "a" },
      ]);
      assert.deepEqual(filesOf({ environment: "TOKEN" }, { TOKEN: "" }), [
        { ...common, text: "", name: "a" },
      ]);
    });

    it("from a variable that is not set is refused", () => {
      assert.throws(
        () => filesOf({ environment: "TOKEN" }),
        new Problems([
          `${kind}.a: the variable TOKEN is not set; set it where \`pulumi up\` runs, or in the env file`,
        ]),
      );
    });

    it("is shipped once for each owner and mode, in the format of any compose version", () => {
      const uses = [
        { source: "a" },
        { source: "a", mode: 288, target: "x" },
        { source: "a", mode: "0440" },
        { source: "a", uid: "103", gid: "5" },
      ];
      const { files } = read(
        { web: { [kind]: uses }, api: { [kind]: [{ source: "a", mode: 288 }] } },
        { [kind]: { a: { content: "t" } } },
      );
      assert.deepEqual(
        files.map(({ key, where, access, services }) => [key, where, access, services]),
        [
          [`${kind}.a`, `${kind}.a`, undefined, ["web"]],
          [
            `${kind}.a (0:0, mode 440)`,
            `services.web.${kind} (a)`,
            { uid: 0, gid: 0, mode: 0o440 },
            ["web", "api"],
          ],
          [
            `${kind}.a (103:5, mode 444)`,
            `services.web.${kind} (a)`,
            { uid: 103, gid: 5, mode: 0o444 },
            ["web"],
          ],
        ],
      );
    });

    it("from a file keeps the file's mode, as compose mounts it", () => {
      const { files } = read(
        { web: { [kind]: [{ source: "a", mode: 256, uid: "5" }] } },
        { [kind]: { a: { file: "/srv/shop/a" } } },
      );
      assert.deepEqual(files, [{ ...common, source: "/srv/shop/a", name: "a" }]);
    });

    it("with an owner or a mode that is not a number is refused", () => {
      assert.throws(
        () =>
          read(
            { web: { [kind]: [{ source: "a", uid: "www", mode: "rw" }] } },
            { [kind]: { a: { content: "t" } } },
          ),
        new Problems(
          ["uid", "mode"].map(
            (key) =>
              `services.web.${kind} (a).${key}: is not a number that docker compose accepts; write the number, not a name`,
          ),
        ),
      );
    });

    it("from a variable that is not UTF-8 is refused, because its bytes are lost", () => {
      assert.throws(
        () => filesOf({ environment: "LATIN1" }, { LATIN1: "caf\ufffd" }),
        new Problems([`${kind}.a: the variable LATIN1 is not UTF-8; give it a value in UTF-8, or in base64`]),
      );
    });

    it("that is external is refused, because docker compose supports it only with Swarm", () => {
      assert.throws(
        () => filesOf({ external: true }),
        new Problems([
          `${kind}.a: is external, which docker compose supports only with Swarm; give it a \`file\` or an \`environment\``,
        ]),
      );
    });
  });
}
