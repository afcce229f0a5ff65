/** undici's `request`, imported by file as on the hot path: the package's index is half more, and nothing here uses it. */
import type { Dispatcher } from "undici";
import send from "undici/lib/api/api-request.js";
import HttpAgent from "undici/lib/dispatcher/agent.js";

export { HttpAgent };

type Options = Omit<Dispatcher.RequestOptions, "origin" | "path">;

let shared: Dispatcher | undefined;

/** As undici's own: rejects where there is no answer, also when it is given up by its signal. */
export function request(url: string | URL, options: Options, agent?: Dispatcher): Promise<Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(url);
  shared ??= new HttpAgent();
  return send.call(agent ?? shared, { ...options, origin, path: pathname + search });
}
