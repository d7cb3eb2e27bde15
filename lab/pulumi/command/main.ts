import { dependencies } from "../../../package.json";
import { serveProvider } from "../provider/serve-provider";
import { command } from "./remote-command";

serveProvider({
  name: "command",
  version: dependencies["@pulumi/command"],
  acceptsSecrets: true,
  acceptsResources: true,
  types: { "command:remote:Command": command },
});
