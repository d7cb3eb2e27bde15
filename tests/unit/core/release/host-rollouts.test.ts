import assert from "node:assert/strict";
import type { HostState } from "../../../../core/host/types";
import { hostRecreationNotes, routesOf } from "../../../../core/release/host-rollouts";
import { read } from "../compose/read";
import { calm, container } from "../host/states";

describe("hostRecreationNotes", () => {
  const project = (labels: object) => read({ web: { image: "web:1", labels }, api: { image: "api:1" } });
  const running = (more: Partial<HostState> = {}, name = "web1") => ({ name, state: { ...calm(), ...more } });
  const notes = (labels: object, ...hosts: ReturnType<typeof running>[]) =>
    hostRecreationNotes(project(labels), ["web", "api"], hosts);
  const recreated = (why: string) => [`web: is recreated, not started first: ${why}`];

  it("are none if every service can start first", () => {
    assert.deepEqual(notes({}, running()), []);
    assert.deepEqual(notes({}, running({ compose: "2.19.0" }), running({ compose: "5.0.2" })), []);
  });

  it("are none if the service does not run yet", () => {
    assert.deepEqual(notes({}, running({ compose: "2.17.0", containers: [] })), []);
  });

  it("name data in an anonymous volume, once for all hosts", () => {
    const host = running({ containers: [container("web", { hasAnonymousVolume: true }), container("api")] });
    assert.deepEqual(
      notes({}, host, host),
      recreated("it has data in an anonymous volume; give the volume a name"),
    );
  });

  it("name a docker compose that is too old, and its host", () => {
    assert.deepEqual(
      notes({}, running({ compose: "2.26.1" }), running({ compose: "2.18.1" }, "web2")),
      recreated(
        "docker compose 2.18.1 of host web2 would later replace a container that was started beside another; install 2.19 or newer",
      ),
    );
  });

  it("are none for a docker compose that is too old if the service has a `deploy`", () => {
    const deployed = read({ web: { image: "web:1", deploy: { replicas: 1 } } });
    assert.deepEqual(hostRecreationNotes(deployed, ["web"], [running({ compose: "2.17.0" })]), []);
  });

  describe("with labels for Traefik", () => {
    const withLabels = (labels: object) => {
      const { current } = calm();
      const web = { ...current!.services[0]!, ...routesOf("web", project(labels)) };
      return running({ current: { ...current!, services: [web] } });
    };
    const rule = (host: string) => ({ "traefik.http.routers.web.rule": `Host(\`${host}\`)` });

    it("say that a service is recreated when they change", () => {
      assert.deepEqual(
        notes(rule("b"), withLabels(rule("a"))),
        recreated(
          "its labels for Traefik change, and Traefik drops a route that two containers describe differently; deploy this when a few seconds of downtime do no harm",
        ),
      );
      assert.equal(notes({ "Traefik.Enable": "false" }, withLabels({ "traefik.enable": "true" })).length, 1);
    });

    it("are none when other labels change, in whatever order they are", () => {
      const more = { "traefik.enable": "true" };
      assert.deepEqual(
        notes({ ...rule("a"), ...more, team: "b" }, withLabels({ team: "a", ...more, ...rule("a") })),
        [],
      );
    });

    it("are none if there were no such labels, or there are none any more", () => {
      assert.deepEqual(notes(rule("a"), withLabels({})), []);
      assert.deepEqual(notes({}, withLabels(rule("a"))), []);
    });
  });
});
