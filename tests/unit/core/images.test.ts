import assert from "node:assert/strict";
import fc from "fast-check";
import {
  checkedDigest,
  contentTag,
  nameOnHosts,
  pushedName,
  registryHost,
  repositories,
  speaksHttp,
} from "../../../core/images";

describe("repositories", () => {
  it("are named after the project and the service, in lower case", () => {
    assert.deepEqual(repositories("r.example.com/team", "shop", ["web", "API"]), {
      web: "r.example.com/team/shop-web",
      API: "r.example.com/team/shop-api",
    });
  });

  it("are the nearest valid names, with a hash of the service's name", () => {
    assert.deepEqual(repositories("r", "shop", ["web..api", "web", "end.", "_x"]), {
      "web..api": "r/shop-web-api-ede3f821",
      web: "r/shop-web",
      "end.": "r/shop-end-2e18562d",
      _x: "r/shop-x-a01e47cb",
    });
  });

  it("stay distinct if they differ only in case, whatever their order", () => {
    const named = repositories("r", "shop", ["web", "Web"]);
    assert.equal(named.web, "r/shop-web");
    assert.match(named.Web!, /^r\/shop-web-[0-9a-f]{8}$/);
    assert.deepEqual(repositories("r", "shop", ["Web", "web"]), named);
  });

  it("gives each service its own repository", () => {
    const service = fc.stringMatching(/^[a-zA-Z0-9._-]{1,8}$/);
    fc.assert(
      fc.property(fc.uniqueArray(service, { maxLength: 6 }), (services) => {
        const named = Object.values(repositories("r", "p", services));
        assert.equal(new Set(named).size, services.length);
        for (const name of named) assert.match(name, /^r\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/);
      }),
    );
  });
});

describe("nameOnHosts", () => {
  const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
  const tag = "0123456789ab";
  const names: [string, string, string][] = [
    ["shop", "127.0.0.1:27180/shop-web", "localhost/everfresh/shop/shop-web"],
    ["shop", "127.0.0.1:5001/shop-web", "localhost/everfresh/shop/shop-web"],
    ["shop", "registry.example.com:5000/team/shop-web", "localhost/everfresh/shop/shop-web"],
    ["shop", "127.0.0.1:27180/staging-web", "localhost/everfresh/shop/staging-web"],
    ["a__b", "127.0.0.1:27180/a__b-web", "localhost/everfresh/a__b/a__b-web"],
    ["a___b", "127.0.0.1:27180/a-b-web-0a1b2c3d", "localhost/everfresh/a-b/a-b-web-0a1b2c3d"],
    ["a-", "127.0.0.1:27180/a--web", "localhost/everfresh/a/a--web"],
    ["a_", "127.0.0.1:27180/a-web-0a1b2c3d", "localhost/everfresh/a/a-web-0a1b2c3d"],
  ];
  for (const [project, repository, name] of names) {
    it(`is ${name} for ${repository} of project ${project}, over SSH`, () => {
      assert.equal(nameOnHosts(`${repository}@${digest}`, "ssh", project), `${name}:${tag}`);
    });
  }

  it("is the image's own name with a registry", () => {
    const ref = `registry.example.com:5000/team/shop-web@${digest}`;
    assert.equal(nameOnHosts(ref, "registry", "shop"), ref);
  });

  it("stays the same wherever the registry is, over SSH, because nothing else about the image changes", () => {
    const [one, other] = ["127.0.0.1:27180", "localhost:5001"].map((address) =>
      nameOnHosts(`${address}/shop-web@${digest}`, "ssh", "shop"),
    );
    assert.equal(one, other);
  });

  it("changes with the image, over SSH", () => {
    const of = (letter: string) => nameOnHosts(`r/shop-web@sha256:${letter.repeat(64)}`, "ssh", "shop");
    assert.notEqual(of("a"), of("b"));
  });

  it("is a reference that docker accepts, over SSH, for any project and service that compose accepts", () => {
    const project = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,12}$/);
    const service = fc.stringMatching(/^[a-zA-Z0-9._-]{1,12}$/);
    const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
    // github.com/distribution/reference: host, then a path of separated letters and digits, then a tag.
    const part = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*";
    const reference = new RegExp(`^localhost(?:/${part}){3}:[0-9a-f]{12}$`);
    fc.assert(
      fc.property(project, fc.uniqueArray(service, { maxLength: 4 }), hex, (project, services, hex) => {
        const places = Object.values(repositories("127.0.0.1:27180", project, services));
        const names = places.map((place) => nameOnHosts(`${place}@sha256:${hex}`, "ssh", project));
        for (const name of names) assert.match(name, reference);
        assert.equal(new Set(names).size, services.length);
      }),
    );
  });
});

describe("contentTag", () => {
  it("is a tag that names 128 bits of the content", () => {
    assert.equal(contentTag("0123456789abcdef".repeat(4)), `content-${"0123456789abcdef".repeat(2)}`);
  });
});

describe("checkedDigest", () => {
  const digest = `sha256:${"0a".repeat(32)}`;
  it("accepts sha256 and 64 hex digits", () => assert.equal(checkedDigest(digest, "web"), digest));
  for (const wrong of [
    "",
    "<none>@<none>",
    digest.slice(1),
    digest.slice(0, -1),
    `${digest}0`,
    digest.toUpperCase(),
    ` ${digest}`,
    `${digest}\n`,
  ]) {
    it(`refuses ${JSON.stringify(wrong)}`, () => {
      assert.throws(() => checkedDigest(wrong, "r/web"), {
        message: `r/web: the registry reports \`${wrong}\` instead of a digest; run \`pulumi up\` again`,
      });
    });
  }
});

describe("registryHost", () => {
  it("leaves out the path", () => {
    assert.equal(registryHost("registry.example.com:5000/team/shop"), "registry.example.com:5000");
    assert.equal(registryHost("localhost:5000"), "localhost:5000");
  });
});

describe("speaksHttp", () => {
  for (const host of ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"]) {
    it(`is true for ${host}, which is this machine`, () => assert.ok(speaksHttp(host)));
  }
  for (const host of ["registry.example.com", "10.0.0.1:5000", "127.example.com", "localhost.example.com"]) {
    it(`is true for ${host} only if it is configured as insecure`, () => {
      assert.ok(!speaksHttp(host));
      assert.ok(speaksHttp(host, true));
    });
  }
});

describe("pushedName", () => {
  const registry = { address: "registry.example.com/team", pullAddress: "10.0.0.1:5000/mirror" };
  const cases: [string, string][] = [
    ["10.0.0.1:5000/mirror/shop-web:1", "registry.example.com/team/shop-web:1"],
    ["10.0.0.1:5000/other/redis:7", "registry.example.com/other/redis:7"],
    ["10.0.0.1:50001/mirror/web", "10.0.0.1:50001/mirror/web"],
    ["redis:7", "redis:7"],
  ];
  for (const [image, name] of cases) {
    it(`asks for ${image} as ${name}`, () => assert.equal(pushedName(image, registry), name));
  }
});
