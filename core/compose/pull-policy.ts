import type { ServiceNode } from "./document";

/** Whether compose would pull an image that it already has (compose-go, `GetPullPolicy`). */
export const isRenewed = ({ pull_policy = "" }: ServiceNode): boolean =>
  /^(always|daily|weekly|every_)/.test(pull_policy);
