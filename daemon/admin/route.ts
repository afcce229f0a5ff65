/**
 * What a route of the admin API is: one value that says method, path, permission, schema and what it runs. Hides how
 * a schema is tied to the contract's type, so that neither can gain or lose a field alone.
 */
import { z } from "zod";
import type { Action, AdminServices, Permission, Reach } from "./admin-services.ts";

/** Who calls: known from the listener, never from the request. */
export type Caller = {
  readonly actor: string;
  readonly permissions: "all" | ReadonlySet<Permission>;
  /** When a token's own time ends. */
  readonly expiresAtMs?: number | undefined;
  /** The owner that a token is bound to. */
  readonly reach?: Reach | undefined;
};

export type RouteMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Or what makes it when the route is first asked: all of them together are 2 MB and 20 ms, and most are never needed. */
export type Schema<Value> = z.ZodType<Value> | (() => z.ZodType<Value>);

/** For several routes that have one schema. */
export function later<Value>(make: () => z.ZodType<Value>): () => z.ZodType<Value> {
  let made: z.ZodType<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

type RouteBase<Query> = {
  /** Segments, with `{name}` where a value stands: `/api/keys/{key}`. */
  readonly path: string;
  readonly permission: Permission;
  /** One line for the documentation. */
  readonly summary: string;
  readonly query?: Schema<Query>;
  /** It may take long, and tells how far it is where lines are asked for: see `told.ts`. */
  readonly tells?: true;
  /** Also for tokens bound to an owner: its service sees to it that they reach no further. Others are refused to them. */
  readonly reachable?: true;
};

type Reading<Query> = RouteBase<Query> & {
  readonly method: "GET";
  run(services: AdminServices, input: ReadInput<Query>): RouteResult;
};

/** A value, lines of JSON, or something of another form. */
export type RouteResult = Promise<unknown> | AsyncIterable<string> | TextAnswer | EventsAnswer;

/** Not JSON. Said as a class, so that no value that a service gives is taken for it. */
export class TextAnswer {
  readonly contentType: string;
  readonly text: AsyncIterable<string>;

  constructor(contentType: string, text: AsyncIterable<string>) {
    this.contentType = contentType;
    this.text = text;
  }
}

/** Messages without end, one JSON text each. */
export class EventsAnswer {
  readonly events: AsyncIterable<string>;

  constructor(events: AsyncIterable<string>) {
    this.events = events;
  }
}

/** A GET's twin for what needs a body but changes nothing. */
type Asking<Query, Body> = RouteBase<Query> & {
  readonly method: "POST";
  readonly body: Schema<Body>;
  run(services: AdminServices, input: ReadInput<Query> & { readonly body: Body }): Promise<unknown>;
};

type Mutating<Query, Body> = RouteBase<Query> & {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  /** `<resource>.<verb>`, as the audit trail calls it. Its presence says that the route changes something. */
  readonly action: string;
  readonly body?: Schema<Body>;
  run(
    services: AdminServices,
    input: ReadInput<Query> & { readonly body: Body; readonly action: Action },
  ): Promise<unknown>;
};

/** How far a long work is. */
export type Tell = (done: number, total: number) => void;

type ReadInput<Query> = {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly accept?: string | undefined;
  /** Absent: nobody asked how far it is. */
  readonly tell?: Tell | undefined;
};

export type RouteInput = {
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly body: unknown;
  readonly action: Action | undefined;
  readonly accept?: string | undefined;
  readonly tell?: Tell | undefined;
};

/** A route as the router holds it, its types spent. */
export type Route = {
  readonly method: RouteMethod;
  readonly path: string;
  readonly permission: Permission;
  readonly summary: string;
  readonly action?: string;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly tells?: true;
  readonly reachable?: true;
  run(services: AdminServices, input: RouteInput): RouteResult;
};

export function reads<Query = undefined>(route: Reading<Query>): Route {
  return withSchemas(route);
}

export function asks<Body, Query = undefined>(route: Asking<Query, Body>): Route {
  return withSchemas(route);
}

export function changes<Body = undefined, Query = undefined>(route: Mutating<Query, Body>): Route {
  return withSchemas(route);
}

function withSchemas(route: object): Route {
  for (const part of ["query", "body"] as const) {
    const given = (route as { query?: unknown; body?: unknown })[part];
    if (typeof given === "function")
      Object.defineProperty(route, part, { get: later(given as () => z.ZodType), enumerable: true });
  }
  return route as Route;
}

/** A strict object schema that has every field of `T` and no other: the compiler sees to it. */
export function strict<T>(shape: { readonly [Field in keyof Required<T>]: z.ZodType<T[Field]> }): z.ZodType<T> {
  return z.strictObject(shape) as unknown as z.ZodType<T>;
}

const epochMsMax = 8_640_000_000_000_000;
/** Ten years: longer than any lifetime or window worth naming, and far from overflow. */
const durationMsMax = 10 * 366 * 86_400_000;

export const fields = {
  count: (min: number, max: number) => z.int().min(min).max(max),
  durationMs: (min = 1) => z.int().min(min).max(durationMsMax),
  epochMs: () => z.int().min(0).max(epochMsMax),
  text: (max: number) => z.string().min(1).max(max),
} as const;

/** Query values are text; these turn them into what they say or refuse them. */
export const queryFields = {
  count: (min: number, max: number) => wholeNumber().pipe(fields.count(min, max)),
  epochMs: () => wholeNumber().pipe(fields.epochMs()),
  flag: () => z.enum(["true", "false"]).transform((text) => text === "true"),
  text: (max: number) => fields.text(max),
  /** Given once, or several times for several values. */
  oneOrMore: <Value>(value: z.ZodType<Value, string>) => z.union([value, z.array(value).min(1).max(valuesMax)]),
} as const;

const valuesMax = 50;

function wholeNumber() {
  return z
    .string()
    .regex(/^\d{1,16}$/, "must be a whole number")
    .transform(Number);
}
