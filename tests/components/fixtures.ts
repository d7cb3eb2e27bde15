import type { Host, Settings } from "../../core/settings";
import type { Provider } from "../support/graph";

export const content = "c0".repeat(32);
export const digest = `sha256:${"d1".repeat(32)}`;
export const imageId = `sha256:${"1d".repeat(32)}`;

export const host: Host = {
  name: "web1",
  address: "web1.example.com",
  port: 2222,
  user: "deploy",
  hostKey: "ssh-ed25519 AAAA",
  privateKey: "the private key",
};

export const settings: Settings = {
  composeFiles: ["compose.yaml"],
  hosts: [host],
  registry: {
    address: "registry.example.com:5000/team",
    pullAddress: "10.0.0.1:5000/team",
    username: "ci",
    password: "the password",
    insecure: false,
  },
  uniqueTag: false,
  transport: "registry",
  strategy: "recreate",
  pullBase: false,
  removeVolumes: false,
  keepReleases: 5,
  lockWait: 600,
  healthTimeout: 120,
  settle: 1,
};

/** What a deployment of this release reports. */
export const report = (release: string) =>
  JSON.stringify({
    release,
    verifiedAt: "2030-01-02T03:04:05Z",
    services: { web: { container: "c1", digest, startedAt: "2030-01-02T03:04:00Z", health: "healthy" } },
    seconds: { pull: 1 },
  });

/** Providers that succeed at everything. */
export const providers: Provider = ({ type, name }) => {
  switch (type) {
    case "docker:index/remoteImage:RemoteImage":
      return { imageId };
    case "docker:index/registryImage:RegistryImage":
      return { sha256Digest: digest };
    case "random:index/randomId:RandomId":
      return { hex: name === "lineage" ? "feedfacefeedface" : "0a0b0c0d" };
    case "random:index/randomBytes:RandomBytes":
      return { hex: "5e".repeat(32) };
    case "command:remote:Command":
      return { stdout: report("0a0b0c0d"), stderr: "" };
    default:
      return {};
  }
};
