/**
 * The daemon as the screen sees it: asks, and keeps asking when it has gone. Hides that a daemon may restart, move its
 * socket or be far away; a call that fails for that reason makes the next one look for the daemon anew.
 */
import { type CallOptions, type Client, openDaemon } from "../client.ts";
import { CliFailure, codeOf, exitCodes } from "../failure.ts";

export type Source = {
  get<Answer>(path: string, query?: CallOptions["query"]): Promise<Answer>;
  send<Answer>(method: string, path: string, body?: unknown): Promise<Answer>;
  lines(path: string, query?: CallOptions["query"]): AsyncIterable<string>;
  readonly lost: boolean;
};

export type OpenClient = () => Promise<Client>;

export function createSource(open: OpenClient): Source {
  let client: Client | undefined;
  let lost = false;
  async function withClient<Answer>(ask: (client: Client) => Promise<Answer>): Promise<Answer> {
    try {
      client ??= await open();
      const answer = await ask(client);
      lost = false;
      return answer;
    } catch (error) {
      if (isLoss(error)) {
        client = undefined;
        lost = true;
      }
      throw error;
    }
  }
  return {
    get: (path, query) => withClient((each) => each.call("GET", path, query === undefined ? {} : { query })),
    send: (method, path, body) => withClient((each) => each.call(method, path, body === undefined ? {} : { body })),
    async *lines(path, query) {
      const stream = await withClient(async (each) => each.lines(path, query === undefined ? {} : { query }));
      yield* stream;
    },
    get lost() {
      return lost;
    },
  };
}

/** Not an answer of the daemon's, but none: it has stopped, or the way to it is gone. */
export function isLoss(error: unknown): boolean {
  if (!(error instanceof CliFailure)) return false;
  return error.exitCode === exitCodes.notRunning || /^E[A-Z_]+$/.test(codeOf(error.cause) ?? "");
}

export function daemonOf(home: string): OpenClient {
  return () => openDaemon(home);
}
