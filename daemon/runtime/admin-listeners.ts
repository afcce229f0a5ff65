/**
 * Where the admin API is served: on the home's socket, and at an address where the config has one. Hides that of two
 * listeners the first is closed again when the second cannot be had.
 */
import type { AdminServerOptions, Authenticate } from "../admin/server.ts";
import { listenAdmin, listenAdminTcp } from "../admin/server.ts";
import type { GenerationData } from "../config/generation.ts";
import type { Log } from "../log.ts";

export type AdminListeners = { close(): Promise<void> };

export async function openAdminListeners(
  options: AdminServerOptions,
  listen: NonNullable<GenerationData["admin"]>["listen"] | undefined,
  authenticate: Authenticate,
  log: Log,
): Promise<AdminListeners> {
  const local = await listenAdmin(options);
  if (listen === undefined) return local;
  try {
    const tcp = await listenAdminTcp({ ...options, listen, authenticate });
    log.info("admin API listening", { host: listen.host, port: tcp.port });
    return { close: async () => void (await Promise.all([local.close(), tcp.close()])) };
  } catch (error) {
    await local.close();
    throw (error as NodeJS.ErrnoException).code === "EADDRINUSE" ? taken(listen, error) : error;
  }
}

function taken({ host, port }: { readonly host: string; readonly port: number }, cause: unknown): Error {
  const message = `${host}:${port}, where admin.listen wants to be, is in use by another program`;
  return Object.assign(new Error(message, { cause }), { code: "address_in_use", port, setting: "admin.listen" });
}
