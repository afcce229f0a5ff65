/** Thread main of the credentials: keeps those of the newest generation fresh and tells of each renewal. */
import { parentPort } from "node:worker_threads";
import type { Identity } from "../config/generation.ts";
import { followEgress } from "../egress/guard.ts";
import { keep } from "./keeper.ts";
import { type Lasting, openSource } from "./source.ts";

/** Whose identity it is, and what it is known by. */
export type Wanted = { readonly key: string; readonly provider: string; readonly identity: Identity };

export type FromCredentials =
  | ({ readonly type: "renewed"; readonly key: string } & Lasting)
  | { readonly type: "failed"; readonly key: string; readonly provider: string; readonly reason: string };

if (parentPort !== null) {
  const parent = parentPort;
  followEgress();
  const keepers = new Map<string, () => void>();
  parent.on("message", (wanted: readonly Wanted[]) => {
    for (const [key, close] of keepers) {
      if (wanted.some((one) => one.key === key)) continue;
      close();
      keepers.delete(key);
    }
    for (const { key, provider, identity } of wanted) {
      if (keepers.has(key)) continue;
      const close = keep(openSource(identity), {
        renewed: (lasting) => parent.postMessage({ type: "renewed", key, ...lasting } satisfies FromCredentials),
        failed: (reason) => parent.postMessage({ type: "failed", key, provider, reason } satisfies FromCredentials),
      });
      keepers.set(key, close);
    }
  });
}
