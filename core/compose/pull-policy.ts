import type { ServiceNode } from "./document";

/** Whether compose would pull an image again although it has it (compose-go, `GetPullPolicy`). */
export const isRenewed = ({ pull_policy = "" }: ServiceNode): boolean =>
  /^(always|daily|weekly|every_)/.test(pull_policy);
