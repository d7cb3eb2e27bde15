import assert from "node:assert/strict";
import * as pulumi from "../../../../cli/pulumi/commands";

describe("a pulumi command", () => {
  const selected = { interactive: true };
  const prod = { stack: "prod", configFile: "/etc/prod.yaml", interactive: false };

  const table: [string, string[], string][] = [
    ["asks before an up", pulumi.up(selected, { approved: false }), "up"],
    [
      "neither asks nor previews when it was approved",
      pulumi.up(selected, { approved: true }),
      "up --yes --skip-preview",
    ],
    [
      "names the stack, its configuration and the event log",
      pulumi.up(prod, { approved: true, eventLog: "/dev/fd/3" }),
      "up --stack prod --non-interactive --config-file /etc/prod.yaml --yes --skip-preview --event-log /dev/fd/3",
    ],
    [
      "targets components by their type, with all that belongs to them",
      pulumi.up(selected, { approved: true, only: ["a:b:Image", "a:b:Push"] }),
      "up --yes --skip-preview --target **a:b:Image** --target **a:b:Push**",
    ],
    [
      "passes further options on last",
      pulumi.up(selected, { approved: false, more: ["--refresh"] }),
      "up --refresh",
    ],
    [
      "previews as JSON",
      pulumi.preview(prod, { json: true, more: ["--diff"] }),
      "preview --stack prod --non-interactive --config-file /etc/prod.yaml --json --diff",
    ],
    [
      "reads the configuration without secrets",
      pulumi.readConfig(selected, { secrets: false }),
      "config --non-interactive --json",
    ],
    [
      "reads the configuration with secrets",
      pulumi.readConfig(prod, { secrets: true }),
      "config --stack prod --non-interactive --config-file /etc/prod.yaml --json --show-secrets",
    ],
    [
      "sets a value, which may begin with a dash",
      pulumi.setConfig(selected, "tag", "-x"),
      "config set --non-interactive --plaintext -- everfresh:tag -x",
    ],
    [
      "sets a value in a structure",
      pulumi.setConfig(selected, "hosts[0].port", "22"),
      "config set --non-interactive --plaintext --path -- everfresh:hosts[0].port 22",
    ],
    [
      "keeps a text in a structure a text",
      pulumi.setConfig(selected, "hosts[0].name", "1"),
      "config set --non-interactive --type string --path -- everfresh:hosts[0].name 1",
    ],
    [
      "takes a secret from stdin",
      pulumi.setSecret(selected, "registry.password"),
      "config set --non-interactive --secret --path everfresh:registry.password",
    ],
    [
      "sets several values at once",
      pulumi.setAllConfig(selected, { fresh: "now", pullBase: "true" }),
      "config set-all --non-interactive --plaintext everfresh:fresh=now --plaintext everfresh:pullBase=true",
    ],
    [
      "removes several values at once",
      pulumi.removeAllConfig(selected, ["fresh", "release"]),
      "config rm-all --non-interactive -- everfresh:fresh everfresh:release",
    ],
    [
      "gives an up the values for it",
      pulumi.up(prod, { approved: true, config: { tag: "v1", uniqueTag: "true" } }),
      "up --stack prod --non-interactive --config-file /etc/prod.yaml --config everfresh:tag=v1 --config everfresh:uniqueTag=true --yes --skip-preview",
    ],
    [
      "gives a preview the values for it",
      pulumi.preview(prod, { json: false, config: { tag: "v1" } }),
      "preview --stack prod --non-interactive --config-file /etc/prod.yaml --config everfresh:tag=v1",
    ],
    ["reads the outputs", pulumi.outputs(prod), "stack output --stack prod --non-interactive --json"],
    [
      "makes a stack",
      pulumi.selectStack({ stack: "prod", interactive: false }),
      "stack select --non-interactive --create -- prod",
    ],
  ];
  for (const [obligation, args, command] of table) {
    it(obligation, () => assert.equal(args.join(" "), command));
  }
});
