/**
 * Questions to a writer or reader thread and their answers, over a port. Hides numbering, and that an error crosses
 * threads as data and arrives as a `GatewayError`.
 */
import { type ErrorCode, type ErrorDetails, errorTable, GatewayError } from "../../providers/gateway-error.ts";
import type { Command, CommandResult } from "./commands/command.ts";
import { asDatabaseError } from "./database.ts";
import type { Query, QueryAnswer } from "./queries.ts";
import type { SenderPort } from "./sender.ts";
import type { SumBatch } from "./traffic-writer.ts";

export type CommandMessage = {
  readonly type: "command";
  readonly id: number;
  /** Who asks, as the audit trail will name them. */
  readonly actor: string;
  readonly command: Command;
};
/** What is asked of the traffic writer besides rows. */
export type TrafficCommand =
  | { readonly kind: "remove"; readonly ids: readonly string[] }
  /** What requests should have cost more, or less: only the sums change. */
  | { readonly kind: "adjust"; readonly batch: SumBatch }
  | { readonly kind: "offloaded"; readonly id: string; readonly object: string }
  | { readonly kind: "objects_deleted"; readonly objects: readonly string[] };
export type TrafficCommandMessage = {
  readonly type: "traffic_command";
  readonly id: number;
  readonly command: TrafficCommand;
};
/** `tells`: how far a long one is, as `Told`, before its answer. */
export type QueryMessage = {
  readonly type: "query";
  readonly id: number;
  readonly query: Query;
  readonly tells?: boolean;
};
export type Told = { readonly type: "told"; readonly id: number; readonly done: number; readonly total: number };
/** How far a long question is. */
export type Tell = (done: number, total: number) => void;
export type Reply =
  | { readonly type: "reply"; readonly id: number; readonly value: unknown }
  | {
      readonly type: "reply";
      readonly id: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly param?: string | undefined;
      readonly status?: number | undefined;
    };

type ReplyPort = { postMessage(message: unknown): void };

export function isCommand(message: unknown): message is CommandMessage {
  return (message as CommandMessage | null)?.type === "command";
}

export function isTrafficCommand(message: unknown): message is TrafficCommandMessage {
  return (message as TrafficCommandMessage | null)?.type === "traffic_command";
}

export function isQuery(message: unknown): message is QueryMessage {
  return (message as QueryMessage | null)?.type === "query";
}

/** Answers with what `answer` returns or throws. */
export function replyTo(port: ReplyPort, id: number, file: string, answer: () => unknown): void {
  try {
    port.postMessage({ type: "reply", id, value: answer() } satisfies Reply);
  } catch (error) {
    replyFailure(port, id, file, error);
  }
}

export function replyFailure(port: ReplyPort, id: number, file: string, thrown: unknown): void {
  const error = asDatabaseError(thrown, file);
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof GatewayError) {
    const { param, status } = error.details;
    port.postMessage({ type: "reply", id, code: error.code, message, param, status } satisfies Reply);
  } else {
    port.postMessage({ type: "reply", id, code: "internal_error", message } satisfies Reply);
  }
}

export type CommandClient = {
  execute(command: Command, actor: string): Promise<CommandResult>;
  /** The thread is gone: everything asked fails with `database_unavailable`, later questions go to the new port. */
  replace(port: SenderPort): void;
};

export type QueryClient = {
  query<Kind extends Query["kind"]>(query: Extract<Query, { kind: Kind }>, tell?: Tell): Promise<QueryAnswer[Kind]>;
  replace(port: SenderPort): void;
};

export function createCommandClient(port: SenderPort): CommandClient {
  const asker = createAsker(port);
  return {
    execute: (command, actor) =>
      asker.ask((id) => ({ type: "command", id, actor, command }) satisfies CommandMessage) as Promise<CommandResult>,
    replace: asker.replace,
  };
}

export type TrafficClient = {
  execute(command: TrafficCommand): Promise<unknown>;
  /** A question of another kind that the thread answers as a `Reply`. */
  ask(message: (id: number) => unknown): Promise<unknown>;
  replace(port: SenderPort): void;
};

export function createTrafficClient(port: SenderPort): TrafficClient {
  const asker = createAsker(port);
  return {
    execute: (command) => asker.ask((id) => ({ type: "traffic_command", id, command }) satisfies TrafficCommandMessage),
    ask: asker.ask,
    replace: asker.replace,
  };
}

export function createQueryClient(port: SenderPort): QueryClient {
  const asker = createAsker(port);
  return {
    query: <Kind extends Query["kind"]>(query: Extract<Query, { kind: Kind }>, tell?: Tell) => {
      const tells = tell === undefined ? {} : { tells: true };
      return asker.ask((id) => ({ type: "query", id, query, ...tells }) satisfies QueryMessage, tell) as Promise<
        QueryAnswer[Kind]
      >;
    },
    replace: asker.replace,
  };
}

/** Questions without an answer at once; one more is refused, so that a stuck thread cannot fill the memory. */
const askedMax = 1_000;

function createAsker(firstPort: SenderPort): {
  ask(message: (id: number) => unknown, tell?: Tell): Promise<unknown>;
  replace(port: SenderPort): void;
} {
  type Waiting = {
    readonly resolve: (value: unknown) => void;
    readonly reject: (error: GatewayError) => void;
    readonly tell: Tell | undefined;
  };
  let port = firstPort;
  let lastId = 0;
  const waiting = new Map<number, Waiting>();

  function answered(message: unknown): void {
    const reply = message as Reply | Told | null;
    const asked = reply?.type === "reply" || reply?.type === "told" ? waiting.get(reply.id) : undefined;
    if (asked === undefined || reply === null) return;
    if (reply.type === "told") {
      asked.tell?.(reply.done, reply.total);
      return;
    }
    waiting.delete(reply.id);
    if ("code" in reply) asked.reject(failure(reply));
    else asked.resolve(reply.value);
  }

  function ask(message: (id: number) => unknown, tell?: Tell): Promise<unknown> {
    if (waiting.size >= askedMax) {
      return Promise.reject(new GatewayError("overloaded", `${askedMax} questions to the database wait for an answer`));
    }
    lastId += 1;
    const id = lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject, tell });
      port.postMessage(message(id));
    });
  }

  function replace(next: SenderPort): void {
    port.off("message", answered);
    port = next;
    port.on("message", answered);
    const lost = [...waiting.values()];
    waiting.clear();
    for (const { reject } of lost) {
      reject(new GatewayError("database_unavailable", "the database thread ended before it answered; ask again"));
    }
  }

  port.on("message", answered);
  return { ask, replace };
}

function failure(reply: Extract<Reply, { code: ErrorCode }>): GatewayError {
  const code = reply.code in errorTable ? reply.code : "internal_error";
  const details: { -readonly [Name in keyof ErrorDetails]: ErrorDetails[Name] } = { source: "gateway" };
  if (reply.param !== undefined) details.param = reply.param;
  if (reply.status !== undefined) details.status = reply.status;
  return new GatewayError(code, reply.message, details);
}
