import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

interface Published {
  published?: string;
  protocol?: string;
  host_ip?: string;
}

/** What docker says of its containers' ports: container port|host's port|address|name|project. */
const containers = [
  "80/tcp|8080|0.0.0.0|/squatter|other",
  "80/tcp|8081||/shop-web-1|shop",
  "81/tcp|8079|::|/two|other",
];

/** What the preflight says of a project `shop` that publishes these ports. */
function problems(shell: string, ...ports: Published[]): string {
  const release = {
    id: "r1",
    project: "shop",
    tag: "t",
    compose: JSON.stringify({ services: { web: { ports } } }),
    files: [],
    services: [],
  };
  const program = deploymentOf(release);
  const script = `nl='
' problems=''
request
ps() {
  echo 'root     docker-proxy'
  echo 'root     /usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8082 -container-ip 172.18.0.2 -container-port 80'
  echo 'nobody   /usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8083 -container-ip 172.18.0.2 -container-port 80'
}
engine() { [ "$1" = ps ] && echo id || printf '%s\\n' ${containers.map((line) => `'${line}'`).join(" ")}; }
check_ports
printf '%s' "$problems"`;
  const { stdout, stderr } = runUnder(shell, insteadOfMain(program, script));
  assert.equal(stderr, "");
  return stdout.trim();
}

const todo = "stop it or publish another port";

describe("the check of free ports", () => {
  const closing: (() => void)[] = [];
  after(() => {
    for (const close of closing) close();
  });
  const listen = (address: string) =>
    new Promise<number>((resolve) => {
      const server = createServer().listen(0, address, () =>
        resolve((server.address() as { port: number }).port),
      );
      closing.push(() => server.close());
    });
  const bind = (address: string) =>
    new Promise<number>((resolve) => {
      const socket = createSocket(address.includes(":") ? "udp6" : "udp4").bind(0, address, () =>
        resolve(socket.address().port),
      );
      closing.push(() => socket.close());
    });

  for (const shell of SHELLS) {
    describe(`under ${shell}`, () => {
      it("tells a TCP listener from a UDP socket", async () => {
        const [tcp, udp] = [`${await listen("0.0.0.0")}`, `${await bind("0.0.0.0")}`];
        assert.equal(problems(shell, { published: tcp }), `port ${tcp}: taken by another program; ${todo}`);
        assert.equal(problems(shell, { published: tcp, protocol: "udp" }), "");
        assert.equal(
          problems(shell, { published: udp, protocol: "udp" }),
          `port ${udp}/udp: taken by another program; ${todo}`,
        );
        assert.equal(problems(shell, { published: udp, protocol: "tcp" }), "");
      });

      it("compares addresses as well as ports", async () => {
        const taken = (port: string) => `port ${port}: taken by another program; ${todo}`;
        for (const address of ["127.0.0.1", "::ffff:127.0.0.1"]) {
          const local = `${await listen(address)}`;
          assert.equal(problems(shell, { published: local }), taken(local), address);
          assert.equal(problems(shell, { published: local, host_ip: "127.0.0.1" }), taken(local), address);
          assert.equal(problems(shell, { published: local, host_ip: "127.0.0.53" }), "", address);
        }
        for (const address of ["::", "0.0.0.0"]) {
          const everywhere = `${await listen(address)}`;
          const here = { published: everywhere, host_ip: "127.0.0.53" };
          assert.equal(problems(shell, here), taken(everywhere), address);
        }
      });

      it("names the container that holds a port, unless it belongs to the project", () => {
        assert.equal(
          problems(shell, { published: "8080" }),
          `port 8080: taken by container squatter; ${todo}`,
        );
        assert.equal(problems(shell, { published: "8080", protocol: "udp" }), "");
        assert.equal(problems(shell, { published: "8081" }), "");
      });

      it("reports a port that docker holds for no container", () => {
        assert.equal(
          problems(shell, { published: "8082" }),
          "port 8082: held by docker for a container that is gone; restart docker on the host",
        );
        assert.equal(problems(shell, { published: "8083" }), "", "a process of somebody who is not docker");
      });

      it("needs only one free port in a range that docker chooses from", () => {
        assert.equal(problems(shell, { published: "8080-8081" }), "");
        assert.equal(problems(shell, { published: "8078-8080" }), "");
        assert.equal(
          problems(shell, { published: "8079-8080" }),
          `port 8079-8080: taken by container two; ${todo}`,
        );
      });

      it("reports every taken port, and ignores ports that docker chooses freely", async () => {
        const tcp = `${await listen("0.0.0.0")}`;
        assert.deepEqual(
          problems(shell, { published: tcp }, {}, { published: "" }, { published: "8080" }).split("\n"),
          [
            `port ${tcp}: taken by another program; ${todo}`,
            `port 8080: taken by container squatter; ${todo}`,
          ],
        );
      });
    });
  }
});
