import assert from "node:assert/strict";
import { outcomeOf } from "../../../../cli/pulumi/outcome";

const deployment = (host: string) =>
  `urn:pulumi:prod::everfresh::everfresh:index:ComposeDeploy$command:remote:Command::${host}-up`;
const build =
  "urn:pulumi:prod::everfresh::everfresh:index:ContentImage$docker:index/remoteImage:RemoteImage::web-build";

const error = (message: string, urn?: string) =>
  JSON.stringify({ diagnosticEvent: { urn, prefix: "error: ", message, severity: "error" } });
const exited = (status: number, host = "host1", said = "it failed") =>
  error(
    `Process exited with status ${status}: running "sh -c 'eval \\"$(cat)\\"' everfresh deploy":\n${said}\n\n`,
    deployment(host),
  );
const failed = (...events: string[]) =>
  outcomeOf({
    status: 1,
    stderr: "",
    events: ['{"preludeEvent":{}}', ...events, error("update failed\n")].join("\n"),
  });

describe("the outcome of a pulumi run", () => {
  const exits: [string, number, number][] = [
    ["is 0 when pulumi succeeds", 0, outcomeOf({ status: 0, stderr: "", events: "" }).exit],
    ["is 1 when a host put the old release back", 1, failed(exited(1)).exit],
    ["is 2 when a host refuses because another stack's release runs there", 2, failed(exited(2)).exit],
    ["is 3 when somebody holds a host's lock", 3, failed(exited(3)).exit],
    ["is 4 when a host could not put the old release back", 4, failed(exited(4)).exit],
    ["is 1 when a host's program was killed", 1, failed(exited(137)).exit],
    ["is 1 when the connection to a host broke", 1, failed(error("dial tcp: timeout", deployment("h"))).exit],
    ["is 1 when a build fails", 1, failed(error("RUN false", build)).exit],
    ["is 1 when a build exits with 4", 1, failed(error("Process exited with status 4: x", build)).exit],
    ["is the worst of several hosts", 4, failed(exited(3, "a"), exited(4, "b"), exited(1, "c")).exit],
    ["treats a failed host as worse than a locked one", 1, failed(exited(3, "a"), exited(1, "b")).exit],
    [
      "is 2 when the program refuses the configuration",
      2,
      failed(error("everfresh:hosts: is required")).exit,
    ],
    [
      "is 1 when it was declined",
      1,
      outcomeOf({ status: 1, stderr: "declined", events: '{"preludeEvent":{}}' }).exit,
    ],
    ["is 1 when it was stopped", 1, failed(error("update canceled\n"), error("Error: cancelled")).exit],
    [
      "is 1 when pulumi was killed in the middle of an event",
      1,
      outcomeOf({ stderr: "", events: '{"diagnosticEvent":{"severity":"error","mess' }).exit,
    ],
    [
      "is 3 when a file backend's state is locked",
      3,
      outcomeOf({ status: 1, stderr: "error: the stack is currently locked by 1 lock(s).", events: "" }).exit,
    ],
    [
      "is 3 when Pulumi's service has an update under way",
      3,
      outcomeOf({
        status: 1,
        stderr: "error: [409] Conflict: Another update is currently in progress.",
        events: "",
      }).exit,
    ],
    [
      "is 2 when pulumi does not even start",
      2,
      outcomeOf({ status: 6, stderr: "error: no stack named 'x' found", events: "" }).exit,
    ],
  ];
  for (const [obligation, expected, actual] of exits) it(obligation, () => assert.equal(actual, expected));

  it("reports the hosts' messages without the command line before them", () => {
    assert.deepEqual(failed(exited(1, "host1", "web: keeps restarting\nrelease r1 serves again")).problems, [
      "web: keeps restarting\nrelease r1 serves again",
    ]);
  });

  it("reports each configuration problem separately", () => {
    const { problems } = failed(
      error("everfresh:hosts: is required; set it\neverfresh:tag: is empty; set it\n"),
    );
    assert.deepEqual(problems, ["everfresh:hosts: is required; set it", "everfresh:tag: is empty; set it"]);
  });
});
