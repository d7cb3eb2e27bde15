import type { ComposeProject } from "../compose/project";
import { movedTo } from "../images";
import { Problems, problem, refuse } from "../problems";
import { own } from "../records";
import type { Deployed } from "./deployed";
import type { ImageDecision } from "./images";

/**
 * The images that another stack has proved. Nothing is built.
 *
 * @param stack - its name, for messages.
 * @param there - what it deployed last.
 * @param pullAddress - of this stack's registry, as the hosts reach it.
 * @throws Problems for a stack that has deployed nothing, and for each image that some of its hosts have not proved: the
 * latest one may have been built only.
 */
export function promotedImages(
  { services }: ComposeProject,
  stack: string,
  { images, hosts }: Deployed,
  pullAddress: string,
): Record<string, ImageDecision> {
  const where = "everfresh:promoteFrom";
  const proofs = Object.values(hosts).filter((host) => host?.verifiedAt);
  if (proofs.length === 0) {
    throw new Problems([
      problem(where, `stack ${stack} has deployed nothing yet`, "deploy it first, or correct the name"),
    ]);
  }
  const built = services.filter(({ build }) => build);
  refuse(
    built.flatMap(({ name, replicas }) => {
      const image = own(images, name);
      if (!image)
        return problem(where, `stack ${stack} has no image of ${name}`, `deploy ${name} there first`);
      // Without a container there is nothing to prove.
      if (replicas === 0 || proofs.every(({ services }) => own(services, name)?.digest === image.digest))
        return [];
      const what = `stack ${stack} has not proved its latest image of ${name}`;
      return problem(where, what, "deploy it there first");
    }),
  );
  return Object.fromEntries(
    built.map(({ name }) => {
      const image = own(images, name)!;
      return [name, { kind: "promoted", image: { ...image, ref: movedTo(pullAddress, image.ref) } }];
    }),
  );
}
