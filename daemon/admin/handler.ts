/**
 * The way in for whoever composes a daemon. Hides that routes and their schemas are loaded with the first request:
 * a start pays nothing for an API that may not be called for days.
 */
import type { AdminServices } from "./admin-services.ts";
import type { AdminRequest, AdminResponse } from "./contract/calling.ts";
import { type FaultReporter, renderAdminError } from "./failure.ts";
import type { Caller } from "./route.ts";

export type AdminHandler = (request: AdminRequest, caller: Caller) => Promise<AdminResponse>;

export type AdminHandlerOptions = FaultReporter & {
  readonly services: AdminServices;
  readonly now: () => number;
};

/** Who reaches a 0600 Unix socket is the user who owns it. */
export function localCaller(): Caller {
  return { actor: `local:${process.getuid?.() ?? 0}`, permissions: "all" };
}

export function createAdminHandler(options: AdminHandlerOptions): AdminHandler {
  let loading: Promise<AdminHandler> | undefined;
  return async (request, caller) => {
    try {
      loading ??= import("./router.ts").then(({ createRouter }) => createRouter(options));
      return await (await loading)(request, caller);
    } catch (error) {
      return renderAdminError(error, options);
    }
  };
}
