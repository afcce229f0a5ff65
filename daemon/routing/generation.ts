/**
 * A generation as a worker uses it: everything that can be prepared when a config is accepted, so that a request
 * only looks up. Hides how hosts, dialects, prices and credentials become ready-made targets.
 */
import type { Catalog } from "../../providers/catalog/catalog.ts";
import { dialects } from "../../providers/dialects/index.ts";
import type { Dialect } from "../../providers/exchange.ts";
import { type Host, hostFor } from "../../providers/hosts.ts";
import type { Credential, GenerationData, ProviderData, Timers } from "../config/generation.ts";
import type { Authorizer } from "../credentials/authorizer.ts";
import { type BaseHeaders, prepareHeaders } from "../http/forwarded-headers.ts";
import type { Origin } from "../runtime/origin.ts";
import { type Endpoints, readyEndpoints } from "./endpoints.ts";
import { hashText } from "./health-table.ts";
import type { NamePlan } from "./resolve.ts";
import type { Condition } from "./rule-engine.ts";
import { compileRules, type Rules } from "./rules.ts";

/** A credential with the request headers that carry it, ready to be sent. */
export type ReadyCredential = {
  readonly id: string;
  readonly weight: number;
  readonly headers: BaseHeaders;
  /** Goes behind the path: `key=…`. */
  readonly query?: string | undefined;
  /** Proves each request, in place of a key. */
  readonly authorizer?: Authorizer | undefined;
};

export type Provider = {
  readonly data: ProviderData;
  readonly name: string;
  /** What it speaks to a caller of another language, usually. */
  readonly dialect: Dialect;
  readonly origin: Origin;
  /** Where each operation is served; absent: the host does not offer it. */
  readonly endpoints: Endpoints;
  /** See `Host.instead`. */
  readonly instead: Host["instead"];
  readonly credentials: readonly ReadyCredential[];
  /** Of the credentials' ids: what tables in shared memory call them. */
  readonly hashes: readonly number[];
  /** Sum of the credentials' weights. */
  readonly weight: number;
  /** Its row in the health table, once it has been looked up; the table's own. */
  row: number;
  /** The same of the row where its places are counted. */
  placesRow: number;
};

/** One place a request may go. */
export type Target = {
  readonly provider: Provider;
  readonly model: string;
  /** What the provider calls it: an Azure deployment, an inference profile; usually the same. */
  readonly deployment: string;
  /** `provider/model`. */
  readonly name: string;
  readonly free: boolean;
  readonly contextWindow: number | undefined;
  readonly outputMax: number | undefined;
  readonly timers: Timers;
  /** Its row in the health table, once it has been looked up; the table's own. */
  row: number;
};

export type Generation = {
  readonly data: GenerationData;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly catalog: Catalog;
  /** Undefined where the config has none. */
  readonly rules: Rules | undefined;
  /** Some provider keeps files. */
  readonly hasFiles: boolean;
  /** One of them has Google's, which an address can name. */
  readonly hasGoogleFiles: boolean;
  /** Requests under way that hold this generation. */
  inFlight: number;
  /** Plans by model name as asked, and targets by their names; see `resolve`. */
  readonly resolved: Map<string, NamePlan | undefined>;
  readonly targets: Map<string, Target>;
};

export function buildGeneration(
  data: GenerationData,
  catalog: Catalog,
  origin: (provider: ProviderData) => Origin,
  authorizer: (provider: ProviderData) => Authorizer | undefined = () => undefined,
  compile?: ((when: string) => Condition) | undefined,
): Generation {
  const providers = new Map<string, Provider>();
  for (const provider of data.providers)
    providers.set(provider.name, ready(provider, origin(provider), authorizer(provider)));
  const bare: Generation = {
    data,
    providers,
    catalog,
    rules: undefined,
    hasFiles: [...providers.values()].some(({ endpoints }) => Object.hasOwn(endpoints, "files")),
    hasGoogleFiles: [...providers.values()].some(({ endpoints }) => endpoints.files?.[0]?.dialect.id === "gemini"),
    inFlight: 0,
    resolved: new Map(),
    targets: new Map(),
  };
  const rules = compileRules(bare, compile);
  return rules === undefined ? bare : { ...bare, rules };
}

function ready(data: ProviderData, origin: Origin, authorizer: Authorizer | undefined): Provider {
  const host = hostFor(data.host, data.dialect);
  const credentials = data.credentials.map((credential) => readyCredential(data, host, credential));
  if (credentials.length === 0) {
    const id = data.identity?.kind ?? "none";
    credentials.push({ id, weight: 1, headers: prepareHeaders(extraHeaders(data, host)), authorizer });
  }
  return {
    data,
    name: data.name,
    dialect: dialects[data.dialect],
    origin,
    endpoints: readyEndpoints(host, data),
    instead: host.instead,
    credentials,
    hashes: credentials.map(({ id }) => hashText(id)),
    row: -1,
    placesRow: -1,
    weight: credentials.reduce((sum, { weight }) => sum + weight, 0),
  };
}

function readyCredential(data: ProviderData, host: Host, { id, value, weight }: Credential): ReadyCredential {
  const headers = extraHeaders(data, host);
  const { auth } = host;
  if (auth.kind === "bearer") {
    headers.push("authorization", `Bearer ${value}`);
    for (const name of auth.also ?? []) headers.push(name, value);
  }
  if (auth.kind === "header") headers.push(auth.name, value);
  const query = auth.kind === "query" ? `${auth.name}=${encodeURIComponent(value)}` : undefined;
  return { id, weight, headers: prepareHeaders(headers), query };
}

function extraHeaders(data: ProviderData, host: Host): string[] {
  return Object.entries({ ...host.extraHeaders, ...data.headers }).flatMap(([name, value]) => [
    name.toLowerCase(),
    value,
  ]);
}
