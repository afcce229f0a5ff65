/**
 * From the name of an end user or a tag to its scope, as a worker knows it. Hides that a name not met before is asked
 * of the main thread, once however many requests wait for it.
 */
import { GatewayError } from "../../providers/gateway-error.ts";

export type NameKind = "end_user" | "tag";

export type Names = {
  /** 0: nothing is counted for it. A promise: it is being asked for. */
  find(kind: NameKind, name: string): number | Promise<number>;
};

/** Asks the main thread; rejects with a `GatewayError`. */
export type AskName = (kind: NameKind, name: string) => Promise<number>;

/** Names that a worker remembers; at the bound it begins anew. */
const namesMax = 65_536;
/** More that wait for an answer at once means that the disk stands still. */
const askedMax = 4_096;

export function createNames(ask: AskName, version: () => number): Names {
  const known: Record<NameKind, Map<string, number>> = { end_user: new Map(), tag: new Map() };
  const asked = new Map<string, Promise<number>>();
  let seen = version();

  function find(kind: NameKind, name: string): number | Promise<number> {
    forgetIfChanged();
    const scope = known[kind].get(name);
    if (scope !== undefined) return scope;
    const id = `${kind} ${name}`;
    const waiting = asked.get(id);
    if (waiting !== undefined) return waiting;
    if (asked.size >= askedMax) {
      return Promise.reject(
        new GatewayError("overloaded", "too many new names at once; try again shortly", {
          source: "gateway",
          retryAfterMs: 1_000,
        }),
      );
    }
    const at = seen;
    const answer = ask(kind, name).then((found) => (version() === at ? remember(kind, name, found) : found));
    const done = answer.finally(() => asked.delete(id));
    asked.set(id, done);
    return done;
  }

  /** What changed meanwhile may be this name: then it is asked for again the next time. */
  function remember(kind: NameKind, name: string, scope: number): number {
    const names = known[kind];
    if (names.size >= namesMax) names.clear();
    names.set(name, scope);
    return scope;
  }

  function forgetIfChanged(): void {
    const now = version();
    if (now === seen) return;
    seen = now;
    known.end_user.clear();
    known.tag.clear();
  }

  return { find };
}
