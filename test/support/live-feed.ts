/** Listens to a daemon's live feed over its socket, as server-sent events or as a WebSocket. Hides the framing. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import WebSocket from "ws";
import type { AdminAddress } from "../../daemon/admin/contract/calling.ts";
import type { FeedMessage } from "../../daemon/admin/contract/feed.ts";
import type { LogRow } from "../../daemon/admin/contract/logs.ts";

export type Listening = {
  /** Everything told so far. */
  readonly messages: FeedMessage[];
  readonly rows: () => readonly LogRow[];
  /** The feed has ended. */
  readonly ended: () => boolean;
  close(): void;
};

export async function listen(home: string, query = "", how: "events" | "socket" = "events"): Promise<Listening> {
  const { socket } = JSON.parse(readFileSync(join(home, "admin.json"), "utf8")) as AdminAddress;
  const messages: FeedMessage[] = [];
  let over = false;
  const end = (): void => {
    over = true;
  };
  const heard = (text: string): void => void messages.push(JSON.parse(text) as FeedMessage);
  const common = {
    messages,
    rows: () => messages.flatMap((message) => (message.type === "rows" ? message.rows : [])),
    ended: () => over,
  };
  if (how === "socket") {
    const client = new WebSocket(`ws+unix://${socket}:/api/feed${query}`, { headers: { host: "localhost" } });
    client.on("message", (data) => heard(String(data)));
    client.on("close", end);
    await new Promise<void>((resolve, reject) => {
      client.once("open", resolve);
      client.once("error", reject);
    });
    return { ...common, close: () => client.terminate() };
  }
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: socket, path: `/api/feed${query}`, headers: { host: "localhost" } });
    call.once("error", reject);
    call.once("response", (response) => {
      if (response.headers["content-type"] !== "text/event-stream") {
        reject(new Error(`${response.statusCode} ${response.headers["content-type"]}`));
        return;
      }
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        const events = (text + part).split("\n\n");
        text = events.pop()!;
        for (const event of events) heard(event.slice("data: ".length));
      });
      response.once("close", end).on("error", end);
      resolve({ ...common, close: () => call.destroy() });
    });
    call.end();
  });
}
