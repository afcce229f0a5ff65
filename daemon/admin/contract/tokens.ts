/** Tokens of the admin API over TCP. */
import type { OwnerReference } from "./owners.ts";

export type CreateTokenRequest = {
  readonly name: string;
  /** `<resource>:<read|write>`, or `*`. */
  readonly permissions?: readonly string[] | undefined;
  /** Instead of `permissions`. */
  readonly role?: "admin" | "operator" | "viewer" | undefined;
  readonly expires_in_ms?: number | undefined;
  /** By id or name, at most one: the token sees this owner and what is below it, and changes what is below it alone. */
  readonly customer?: string | undefined;
  readonly team?: string | undefined;
  readonly user?: string | undefined;
};
/** What is absent stays. */
export type UpdateTokenRequest = {
  readonly name?: string | undefined;
  /** All of them; or a role. */
  readonly permissions?: readonly string[] | undefined;
  readonly role?: "admin" | "operator" | "viewer" | undefined;
  readonly expires_in_ms?: number | undefined;
  /** null: never. */
  readonly expires_at_ms?: number | null | undefined;
};
export type TokenView = {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly permissions: readonly string[];
  readonly state: "active" | "expired" | "revoked";
  readonly created_at_ms: number;
  readonly created_by: string;
  readonly expires_at_ms: number | null;
  /** The owner it is bound to; null: none. */
  readonly within: OwnerReference | null;
  readonly etag: string;
};
export type TokenAnswer = { readonly token: TokenView };
/** The only answer that ever holds the secret. */
export type TokenSecretAnswer = { readonly token: TokenView; readonly secret: string };
export type TokenListQuery = {
  /** 1–1000, default 100. */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly after?: string | undefined;
  /** In the name or the id, wherever. */
  readonly search?: string | undefined;
};
/** Newest first. */
export type TokenListAnswer = {
  readonly tokens: readonly TokenView[];
  readonly count: number;
  readonly total_count: number;
  readonly next: string | null;
};
