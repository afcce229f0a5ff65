/**
 * What is told over time to the holder of a token ends when the token does: revoked, over, without its owner, or with
 * fewer permissions than it was asked with. Hides how soon: within a quarter of a second.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import type { AdminResponse } from "./contract/calling.ts";
import type { Caller } from "./route.ts";

const checkedEveryMs = 250;

/** `again` throws where the token is no longer good. */
export function whileHeld(response: AdminResponse, before: Caller, again: () => Caller): AdminResponse {
  const isHeld = () => assertSame(before, again());
  if ("events" in response) return { ...response, events: held(response.events, isHeld) };
  if ("lines" in response) return { ...response, lines: held(response.lines, isHeld) };
  if ("text" in response) return { ...response, text: held(response.text, isHeld) };
  return response;
}

function assertSame({ permissions: before }: Caller, { permissions: now }: Caller): void {
  if (now === "all" || (before !== "all" && [...before].every((each) => now.has(each)))) return;
  throw new GatewayError("permission_denied", "this token may do less now");
}

function held(pieces: AsyncIterable<string>, assertHeld: () => void): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = pieces[Symbol.asyncIterator]();
      let lost: { readonly error: unknown } | undefined;
      let refuse: ((error: unknown) => void) | undefined;
      const timer = setInterval(() => {
        try {
          assertHeld();
        } catch (error) {
          lost = { error };
          clearInterval(timer);
          refuse?.(error);
        }
      }, checkedEveryMs).unref();
      return {
        next: () =>
          new Promise((resolve, reject) => {
            if (lost !== undefined) return reject(lost.error);
            refuse = reject;
            iterator.next().then(resolve, reject);
          }),
        return: async () => {
          clearInterval(timer);
          return (await iterator.return?.()) ?? { done: true, value: undefined };
        },
      };
    },
  };
}
