import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { Server } from "ssh2";
import { runOnHost } from "../../../adapters/ssh";
import { Problems } from "../../../core/problems";
import { eventually } from "../../../lab/poll";
import { assertProblem, listen, run, serverKeys, sshd, succeed, where, withoutAgent } from "./ssh-server";

describe("runOnHost", () => {
  withoutAgent();

  it("logs in as the user, runs the command with its stdin, and returns its output", async () => {
    const seen: string[] = [];
    const host = await sshd((channel) => {
      const stdin: Buffer[] = [];
      channel.on("data", (data: Buffer) => stdin.push(data));
      channel.on("end", () => {
        channel.write(`<${Buffer.concat(stdin)}>`);
        channel.stderr.write("warning ü");
        channel.exit(3);
        channel.end();
      });
    }, seen);
    const heard: string[] = [];
    const result = await run(host, { command: "sh -s", stdin: "ä\n", onStderr: (text) => heard.push(text) });
    assert.deepEqual(result, { status: 3, stdout: "<ä\n>", stderr: "warning ü" });
    assert.deepEqual(seen, ["login deploy", "sh -s"]);
    assert.equal(heard.join(""), "warning ü");
  });

  it("connects while the program is still being prepared", async () => {
    const seen: string[] = [];
    const host = await sshd(succeed, seen);
    const program = eventually("a login", async () => seen.length > 0 && { command: "sh -s", stdin: "" });
    assert.equal((await runOnHost(host, where, program)).status, 0);
    assert.deepEqual(seen, ["login deploy", "sh -s"]);
  });

  it("fails if the program cannot be prepared, and runs nothing", async () => {
    const seen: string[] = [];
    const host = await sshd(succeed, seen);
    await assertProblem(runOnHost(host, where, Promise.reject(new Problems(["x: no"]))), "x: no");
    assert.deepEqual(seen, ["login deploy"]);
  });

  it("sends and receives megabytes completely", async () => {
    const stdin = "0123456789abcdef".repeat(2 ** 17);
    const host = await sshd((channel) => {
      const echoed: Buffer[] = [];
      channel.on("data", (data: Buffer) => echoed.push(data));
      channel.on("end", () => {
        channel.write(Buffer.concat(echoed), () => succeed(channel, ""));
      });
    });
    assert.equal((await run(host, { stdin })).stdout, stdin);
  });

  it("has no status for a command that a signal ended", async () => {
    const host = await sshd((channel) => {
      channel.exit("KILL", false, "");
      channel.end();
    });
    assert.equal((await run(host)).status, undefined);
  });

  it("has no status when the connection breaks, and keeps the output until then", async () => {
    const sockets: Socket[] = [];
    const target = await sshd((channel) => {
      channel.write("half");
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, 50);
    });
    const port = await listen(
      createServer((socket) => {
        const onward = connect(target.port, target.address);
        for (const end of [socket, onward]) end.on("error", () => {});
        socket.pipe(onward).pipe(socket);
        sockets.push(socket, onward);
      }),
    );
    const { status, stdout } = await run({ ...target, port });
    assert.deepEqual([status, stdout], [undefined, "half"]);
  });

  it("succeeds if a command ends before it has read its stdin", async () => {
    const host = await sshd(succeed);
    assert.equal((await run(host, { stdin: "x".repeat(8 * 2 ** 20) })).status, 0);
  });

  it("gives up on a command that takes too long", async () => {
    const host = await sshd(() => {});
    await assertProblem(
      run(host, { timeout: 300 }),
      `${where} (web1): no answer in 0.3 s; look at the host: is it overloaded?`,
    );
  });

  it("gives up on an endless answer on either stream, and stops keeping it", async () => {
    for (const stream of ["stdout", "stderr"] as const) {
      let enough = false;
      const host = await sshd((channel) => {
        const chunk = Buffer.alloc(2 ** 20, "x");
        const end = stream === "stdout" ? channel : channel.stderr;
        const more = () => {
          if (!enough) end.write(chunk, () => setImmediate(more));
        };
        more();
      });
      let heard = 0;
      await assertProblem(
        run(host, {
          timeout: 20_000,
          onStderr: (text) => {
            heard += text.length;
          },
        }),
        `${where} (web1): its answer is longer than 16 MiB; look at what the host sends`,
      );
      assert.ok(heard <= 16 * 2 ** 20, `${heard}`);
      enough = true;
    }
    const host = await sshd((channel) => {
      channel.write(Buffer.alloc(17 * 2 ** 20, "x"));
    });
    await assertProblem(run(host, { askLess: "ask for less" }), /longer than 16 MiB; ask for less$/);
  });

  it("decodes a character that arrives in two parts", async () => {
    const host = await sshd((channel) => {
      const [first, ...rest] = Buffer.from("ü");
      channel.stderr.write(Buffer.from([first!]), () => {
        setTimeout(() => {
          channel.stderr.write(Buffer.from(rest));
          succeed(channel, "");
        }, 50);
      });
    });
    const heard: string[] = [];
    await run(host, { onStderr: (text) => heard.push(text) });
    assert.equal(heard.join(""), "ü");
  });

  it("says that the host runs no commands", async () => {
    const server = new Server({ hostKeys: [serverKeys.private] }, (client) => {
      client.on("error", () => {});
      client.on("authentication", (context) => context.accept());
      client.on("session", (accept) => accept().on("exec", (_, reject) => reject()));
    });
    const host = await sshd(succeed);
    await assertProblem(
      run({ ...host, port: await listen(server) }),
      /^everfresh:hosts\[0\] \(web1\): cannot run a command \(.+\); check the user's login shell$/,
    );
  });
});
