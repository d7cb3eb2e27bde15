import { own } from "../records";

/** What is known of a service's content, for {@link sharedBuilds}. */
export interface KnownContent {
  content: string;
  /** Why it is deployed anew; absent when the stack has deployed just this content. */
  cause?: string;
  /** The digest under which the registry has it. */
  found?: string;
  noCache: boolean;
}

/**
 * One content is built once: for each service whose image is the one of another service with the same content, that
 * service. Two builds of one content need not have the same digest. What the stack has deployed already stays as it is.
 */
export function sharedBuilds(contents: Readonly<Record<string, KnownContent>>): Record<string, string> {
  const names = Object.keys(contents).sort((a, b) => rank(own(contents, a)!) - rank(own(contents, b)!));
  const first = new Map<string, string>();
  return Object.fromEntries(
    names.flatMap((name): [string, string][] => {
      const { content, cause } = own(contents, name)!;
      const other = first.get(content);
      if (other === undefined) first.set(content, name);
      return other === undefined || cause === undefined ? [] : [[name, other]];
    }),
  );
}

/** Whose image is taken: one that is deployed, one that is wanted without cache, one that the registry has, any. */
function rank({ cause, noCache, found }: KnownContent): number {
  if (cause === undefined) return 0;
  if (noCache) return 1;
  return found === undefined ? 3 : 2;
}
