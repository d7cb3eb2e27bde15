// Starts a stand-in, which is TypeScript. tsx slows the loading of every later module down: the big ones come before it.
require("@grpc/grpc-js");
require("@pulumi/pulumi/proto/engine_grpc_pb");
require("@pulumi/pulumi/proto/provider_grpc_pb");
require("tsx/cjs");

module.exports = (name) => require(`../${name}/main.ts`);
