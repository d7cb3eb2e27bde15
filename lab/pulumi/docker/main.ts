import { dependencies } from "../../../package.json";
import { serveProvider } from "../provider/serve-provider";
import { configureLogins } from "./logins";
import { registryImage } from "./registry-image";
import { remoteImage } from "./remote-image";
import { tag } from "./tag";

serveProvider({
  name: "docker",
  version: dependencies["@pulumi/docker"],
  // Terraform prints a list of errors.
  worded: (message) => `1 error occurred:\n\t* ${message}\n\n`,
  configure: configureLogins,
  types: {
    "docker:index/remoteImage:RemoteImage": remoteImage,
    "docker:index/registryImage:RegistryImage": registryImage,
    "docker:index/tag:Tag": tag,
  },
});
