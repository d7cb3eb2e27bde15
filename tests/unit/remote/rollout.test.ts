import assert from "node:assert/strict";
import { deploymentOf, insteadOfMain, runUnder, SHELLS } from "./shells";

/** What a function of the program prints, with others in its place. */
function printed(shell: string, script: string): string[] {
  const program = deploymentOf({ kept: "r1", project: "shop" });
  const { stdout, stderr } = runUnder(shell, insteadOfMain(program, script));
  assert.equal(stderr, "");
  return stdout.split("\n").filter(Boolean);
}

/** A container of `web`: its id, whether it is a new one, and its state. */
type Container = [id: string, age: "old" | "new", state?: string];

/** The next step for these containers, newest first as docker lists them. */
function nextStep(shell: string, replicas: number, containers: Container[], ready: string[] = []): string[] {
  const line = ([id, age, state = "running"]: Container) =>
    `${id}|sha256:1|${state}||0|0|start|${age}|/n|sha256:1|/m |web|/f`;
  return printed(
    shell,
    `services() { echo 'web|r/web||${replicas}||||||||start-first'; }
previous='' release_hashes='web new' off_limits='' finished='' putting_back='' observed_images='' observed_before=''
release_images='sha256:1|r/web |amd64|1' ready='${ready.join("\n")}'
observed='${containers.map(line).join("\n")}
x1|sha256:1|running||0|0|start|other|/n|r/x|/m |other|/f'
next_step r1 web`,
  );
}

/** Connections to a container with the addresses of two networks. */
const connections = (shell: string, ...lines: string[]) =>
  printed(
    shell,
    `printf '%s\\n' '${["  sl  local_address rem_address   st", ...lines].join("' '")}' | connections_in '172.18.0.1 172.19.0.1'`,
  );

const steps: [string, number, Container[], string[], string[]][] = [
  ["starts one beside an old one", 1, [["a", "old"]], [], ["start|2"]],
  [
    "waits for the new one",
    1,
    [
      ["b", "new"],
      ["a", "old"],
    ],
    [],
    ["prove|b"],
  ],
  [
    "retires the old one after that",
    1,
    [
      ["b", "new"],
      ["a", "old"],
    ],
    ["b"],
    ["retire|a"],
  ],
  ["is done then", 1, [["b", "new"]], ["b"], []],
  [
    "retires the oldest of several",
    2,
    [
      ["c", "new"],
      ["b", "old"],
      ["a", "old"],
    ],
    ["c"],
    ["retire|a"],
  ],
  [
    "then starts the next",
    2,
    [
      ["c", "new"],
      ["b", "old"],
    ],
    ["c"],
    ["start|3"],
  ],
  [
    "starts a new one beside leftovers of two releases",
    1,
    [
      ["b", "old"],
      ["a", "old"],
    ],
    [],
    ["start|3"],
  ],
  [
    "retires leftovers before it starts more",
    2,
    [
      ["d", "new"],
      ["c", "old"],
      ["b", "old"],
      ["a", "old"],
    ],
    ["d"],
    ["retire|a"],
  ],
  [
    "removes an old one that serves nothing",
    1,
    [
      ["b", "new"],
      ["a", "old", "exited"],
    ],
    ["b"],
    ["remove|a"],
  ],
  [
    "removes what a killed compose left half-made",
    1,
    [
      ["b", "new", "created"],
      ["a", "old"],
    ],
    [],
    ["remove|b"],
  ],
  [
    "retires the newest if there are too many",
    1,
    [
      ["b", "new"],
      ["a", "new"],
    ],
    ["a", "b"],
    ["retire|b"],
  ],
];

for (const shell of SHELLS) {
  describe(`a rollout under ${shell}`, () => {
    for (const [what, replicas, containers, ready, expected] of steps) {
      it(what, () => assert.deepEqual(nextStep(shell, replicas, containers, ready), expected));
    }

    it("starts a container beside others if Traefik can use both", () => {
      const agrees = (...others: string[]) =>
        printed(
          shell,
          `containers_of() { printf '%s\\n' ${others.map((_, i) => `'${i}|sha256:1'`).join(" ")} 'new|sha256:1'; }
engine() {
  case $6 in
  new) printf '%s\\n' 'other 1' 'traefik.enable true' 'traefik.http.routers.web.rule Host%28%60a%60%29' ;;
  ${others.map((labels, i) => `${i}) printf '%s\\n' ${labels} ;;`).join("\n")}
  esac
}
agrees_on_routes web new && echo yes || echo no`,
        )[0];
      const same = "'other 2' 'traefik.enable true' 'traefik.http.routers.web.rule Host%28%60a%60%29'";
      assert.equal(agrees(), "yes");
      assert.equal(agrees(same), "yes");
      assert.equal(agrees("'other 1'"), "yes");
      assert.equal(agrees(same, "'traefik.enable true'"), "no");
      assert.equal(agrees("'Traefik.enable false'"), "no");
    });

    const listening = "0: 00000000:1F90 00000000:0000 0A";
    const listening6 = "0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A";
    const mapped = "0000000000000000FFFF0000";
    it("counts connections that others made to a port, open or ended a moment ago", () => {
      const found = connections(
        shell,
        "1: 050012AC:1F90 030012AC:A001 01",
        listening,
        "2: 050012AC:1F90 030012AC:A002 06",
        "3: 050012AC:1F90 030012AC:A003 08",
      );
      assert.deepEqual(found, ["030012AC:A001 open", "030012AC:A002 closed", "030012AC:A003 open"]);
    });

    it("waits until no connection is open, but not longer than told", () => {
      const waited = (open: number, seconds: number) =>
        printed(
          shell,
          `ticks=0
clock() { :; }
nap() { ticks=$((ticks + 10)); }
connections_to() { [ "$ticks" -ge ${open} ] || echo '1:1 open'; echo '2:2 closed'; }
await_last_request c ${seconds}
echo $ticks`,
        )[0];
      assert.equal(waited(0, 5), "0");
      assert.equal(waited(120, 5), "120");
      assert.equal(waited(120, 1), "100");
    });

    it("counts them on a socket for both kinds of addresses", () => {
      const found = connections(shell, listening6, `1: ${mapped}050012AC:1F90 ${mapped}030012AC:A001 01`);
      assert.deepEqual(found, ["030012AC:A001 open"]);
    });

    it("ignores the container itself, its host, and connections that it made", () => {
      const found = connections(
        shell,
        listening,
        listening6,
        "1: 0100007F:1F90 0100007F:A001 01",
        "2: 050012AC:1F90 050012AC:A001 01",
        "3: 050012AC:1F90 010012AC:A001 01",
        "4: 050012AC:A001 030012AC:1F90 01",
        `5: ${mapped}050013AC:1F90 ${mapped}010013AC:A001 01`,
        "6: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:A001 01",
      );
      assert.deepEqual(found, []);
    });
  });
}
