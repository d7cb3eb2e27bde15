import assert from "node:assert/strict";
import os from "node:os";
import { deployer } from "../../../preflight/deployer";

const fails = () => {
  throw Object.assign(new Error("uv_os_get_passwd returned ENOENT"), { code: "ERR_SYSTEM_ERROR" });
};
const machine = { user: () => "ada", uid: 1234, environment: {}, hostname: () => "laptop" };

describe("deployer", () => {
  it("is the logged-in user and this machine", () => {
    assert.deepEqual(deployer(), { who: os.userInfo().username, from: os.hostname() });
  });

  it("is named by the environment, then by number, if the system knows no name", () => {
    const named = { USER: "", LOGNAME: "grace" };
    assert.equal(deployer({ ...machine, user: fails, environment: { ...named, USER: "eve" } }).who, "eve");
    assert.equal(deployer({ ...machine, user: fails, environment: named }).who, "grace");
    assert.equal(deployer({ ...machine, user: fails }).who, "uid 1234");
  });

  it("is one line that a host accepts", () => {
    const { who, from } = deployer({ ...machine, user: () => "a\nb\u001b[2J", hostname: () => "x\u2028y" });
    assert.deepEqual([who, from], ["a?b?[2J", "x?y"]);
    assert.deepEqual(deployer({ ...machine, hostname: fails }), { who: "ada", from: "unknown" });
    assert.equal(deployer({ ...machine, hostname: () => "" }).from, "unknown");
  });
});
