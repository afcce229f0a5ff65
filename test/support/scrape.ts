/** Asks a daemon for `/metrics` as a scraper does. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import { send } from "./client.ts";
import type { Daemon } from "./daemon.ts";

export async function scrape(daemon: Daemon, accept?: string) {
  const { socket } = JSON.parse(readFileSync(join(daemon.home, "admin.json"), "utf8")) as AdminAddress;
  const headers = { host: "localhost", ...(accept === undefined ? {} : { accept }) };
  const opened = await send("http://127.0.0.1:1", { method: "GET", path: "/metrics", socketPath: socket, headers });
  return opened.answer();
}
