/**
 * Composition root, as the command line sees it. Within `daemon/` the only reader of `process.env` and of signals.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import type { Distribution, Importers, OfflineAdmin, Served, ServeOptions } from "./admin/contract/calling.ts";
import { keepCompiled } from "./runtime/compiled.ts";
import { awaitTurn, readInheritance } from "./runtime/inherit.ts";
import { notify } from "./service/notify.ts";

export { makeFolder } from "./store/make-folder.ts";

/** Sets the home from the option, `$BIFROST_HOME`, or the usual place. */
function homeOf(option: string | undefined): string {
  return option ?? process.env["BIFROST_HOME"] ?? join(homedir(), ".local", "share", "bifrost");
}

/** c-ares and file work of several threads at once would wait for libuv's four. */
const threadPoolSize = "16";

/** Throws errors with a `code` of `StartFailureCode`, and `GatewayError`. */
export async function serveForeground(options: ServeOptions): Promise<Served> {
  process.env["UV_THREADPOOL_SIZE"] ??= threadPoolSize;
  const home = homeOf(options.home);
  keepCompiled(home);
  const inheritance = readInheritance(process.env);
  const { startDaemon } = await import("./runtime/daemon.ts");
  const inherited = inheritance === undefined ? undefined : await awaitTurn(inheritance);
  const daemon = await startDaemon({
    ...options,
    home,
    directory: process.cwd(),
    environment: process.env,
    inherited,
  });
  const stop = (): void => {
    void notify("stopping", process.env);
    daemon.stop();
  };
  await notify("serving", process.env);
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGUSR2", () => void daemon.restart().catch(() => undefined)); // the log has said why not
  process.on("SIGHUP", () => void daemon.reload().catch(() => undefined));
  return daemon;
}

/** The admin API in this process, over the files of a home where no daemon runs. Fails with `already_running` where one does. */
export async function openOffline(home: string): Promise<OfflineAdmin> {
  const { openFiles } = await import("./runtime/offline.ts");
  return openFiles(homeOf(home), process.env, process.cwd());
}

export async function openDistribution(): Promise<Distribution> {
  return (await import("./distribution.ts")).distribution;
}

export async function openImporters(): Promise<Importers> {
  return (await import("./import/importers.ts")).importers;
}
