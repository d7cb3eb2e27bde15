import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Host, SshEndpoint } from "../core/settings";

/** How `command.remote.Command` connects to a host. The host's key is always checked, and dialling gives up soon. */
export function connection(host: Host): types.input.remote.ConnectionArgs {
  return { ...endpoint(host), ...(host.proxyJump ? { proxy: endpoint(host.proxyJump) } : {}) };
}

function endpoint({ address, port, user, hostKey, privateKey }: SshEndpoint) {
  return {
    host: address,
    port,
    user,
    hostKey,
    ...(privateKey === undefined ? {} : { privateKey: pulumi.secret(privateKey) }),
    dialErrorLimit: 3,
    perDialTimeout: 10,
  };
}
