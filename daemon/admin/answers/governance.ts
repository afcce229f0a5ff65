/** What is answered about keys, owners, limits and tokens. */
import { z } from "zod";
import type { ErrorAnswer } from "../contract/errors.ts";
import type {
  AdoptKeysAnswer,
  KeyAnswer,
  KeyListAnswer,
  KeySecretAnswer,
  KeySecretsAnswer,
  KeyView,
  ProviderConfigView,
} from "../contract/keys.ts";
import type {
  BudgetAnswer,
  BudgetListAnswer,
  LimitListAnswer,
  OwnedBudget,
  OwnedLimit,
  OwnerAnswer,
  OwnerListAnswer,
  OwnerReference,
  OwnerView,
  WalletAnswer,
  WalletEntry,
} from "../contract/owners.ts";
import type { BudgetView, LimitView, WireWindow } from "../contract/scopes.ts";
import type { TokenAnswer, TokenListAnswer, TokenSecretAnswer, TokenView } from "../contract/tokens.ts";
import { call, flag, named, number, text, texts, unknownOr, whole } from "./named.ts";

export const errorAnswer = named<ErrorAnswer>("Error", {
  error: z.strictObject({ code: text, message: text, param: text.optional(), id: text.optional() }) as never,
});

const metadata = z.record(z.string(), z.string());
const source = z.enum(["file", "database", "runtime"]);
const page = { count: whole, total_count: whole, next: unknownOr(text) };
const ordered = { ...page, limit: whole, offset: whole };

const reference = named<OwnerReference>("OwnerReference", { kind: text, id: text, name: text });
const window = call<WireWindow>(
  "Window",
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("rolling"), length_ms: whole }),
    z.strictObject({
      kind: z.literal("calendar"),
      unit: z.enum(["minute", "hour", "day", "week", "month", "quarter", "year"]),
      count: whole,
      zone: text,
      start_month: whole.optional(),
    }),
    z.strictObject({ kind: z.literal("forever") }),
  ]),
);

const budgetFields = {
  slot: whole,
  limit_nano: whole,
  window,
  spent_nano: unknownOr(whole),
  held_nano: unknownOr(whole),
  resets_at_ms: unknownOr(whole),
  shadow: flag,
  would_have_refused: unknownOr(whole),
  wallet: flag,
  override: unknownOr(z.strictObject({ extra_nano: whole, until_ms: unknownOr(whole) })),
};
const limitFields = {
  slot: whole,
  metric: z.enum(["requests", "tokens", "spend"]),
  limit: whole,
  window_ms: whole,
  used: unknownOr(whole),
  shadow: flag,
  would_have_refused: unknownOr(whole),
};
const budget = named<BudgetView>("Budget", budgetFields);
const limit = named<LimitView>("Limit", limitFields);
const numbers = { budgets: z.array(budget), limits: z.array(limit), concurrency_max: unknownOr(whole) };

const providerConfig = named<ProviderConfigView>("ProviderConfig", {
  provider: text,
  weight: unknownOr(number),
  models: unknownOr(texts),
  blocked: texts,
  credentials: unknownOr(texts),
  ...numbers,
});
const key = named<KeyView>("Key", {
  id: text,
  name: text,
  prefix: text,
  state: z.enum(["active", "disabled", "expired", "revoked"]),
  created_at_ms: whole,
  expires_at_ms: unknownOr(whole),
  revoked_at_ms: unknownOr(whole),
  models: texts,
  ...numbers,
  description: unknownOr(text),
  metadata,
  source,
  parent: unknownOr(reference),
  blocked: texts,
  providers: unknownOr(z.array(providerConfig)),
  delete_expired: flag,
  content: unknownOr(z.enum(["off", "metadata", "full"])),
  unsupported: unknownOr(z.enum(["strict", "drop"])),
  raw: flag,
  operations: unknownOr(texts),
  aliases: metadata,
  required: texts,
  in_flight: unknownOr(whole),
  etag: text,
  old_secret_expires_at_ms: unknownOr(whole),
});
export const adoptedKeys = named<AdoptKeysAnswer>("AdoptKeysAnswer", {
  keys: z.array(named<AdoptKeysAnswer["keys"][number]>("AdoptedKey", { id: z.string(), name: z.string() })),
  present: z.array(z.string()),
});
export const keyAnswer = named<KeyAnswer>("KeyAnswer", { key, warnings: texts.optional() });
export const keySecret = named<KeySecretAnswer>("KeySecret", { key, secret: text, warnings: texts.optional() });
export const keySecrets = named<KeySecretsAnswer>("KeySecrets", {
  rotated: z.array(keySecret),
  failed: z.array(z.strictObject({ id: text, code: text, message: text })),
});
export const keyList = named<KeyListAnswer>("KeyList", { keys: z.array(key), ...ordered });

const owner = named<OwnerView>("Owner", {
  id: text,
  kind: z.enum(["customer", "team", "user", "end_user", "tag", "model_limit", "provider_limit"]),
  name: text,
  source,
  description: unknownOr(text),
  metadata,
  parent: unknownOr(reference),
  models: unknownOr(texts),
  blocked: texts,
  disabled: flag,
  match: unknownOr(z.strictObject({ provider: text, model: text })),
  ...numbers,
  in_flight: unknownOr(whole),
  created_at_ms: whole,
  etag: text,
});
export const ownerAnswer = named<OwnerAnswer>("OwnerAnswer", { owner, warnings: texts.optional() });
export const ownerList = named<OwnerListAnswer>("OwnerList", { owners: z.array(owner), ...ordered });

const ownedBudget = named<OwnedBudget>("OwnedBudget", { ...budgetFields, owner: reference });
const ownedLimit = named<OwnedLimit>("OwnedLimit", { ...limitFields, owner: reference });
export const budgetAnswer = named<BudgetAnswer>("BudgetAnswer", { budget });
export const budgetList = named<BudgetListAnswer>("BudgetList", {
  budgets: z.array(ownedBudget),
  next: unknownOr(text),
});
export const limitList = named<LimitListAnswer>("LimitList", { limits: z.array(ownedLimit), next: unknownOr(text) });

const walletEntry = named<WalletEntry>("WalletEntry", { at_ms: whole, amount_nano: whole, note: text, actor: text });
export const walletAnswer = named<WalletAnswer>("Wallet", {
  owner: reference,
  left_nano: unknownOr(whole),
  put_in_nano: whole,
  spent_nano: unknownOr(whole),
  held_nano: unknownOr(whole),
  entries: z.array(walletEntry),
});

const token = named<TokenView>("Token", {
  id: text,
  name: text,
  prefix: text,
  permissions: texts,
  state: z.enum(["active", "expired", "revoked"]),
  created_at_ms: whole,
  created_by: text,
  expires_at_ms: unknownOr(whole),
  within: unknownOr(reference),
  etag: text,
});
export const tokenAnswer = named<TokenAnswer>("TokenAnswer", { token });
export const tokenSecret = named<TokenSecretAnswer>("TokenSecret", { token, secret: text });
export const tokenList = named<TokenListAnswer>("TokenList", { tokens: z.array(token), ...page });
