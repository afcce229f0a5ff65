/** Tokens of the admin API over TCP. */

export type CreateTokenRequest = {
  readonly name: string;
  /** `<resource>:<read|write>`, or `*`. */
  readonly permissions?: readonly string[] | undefined;
  /** Instead of `permissions`. */
  readonly role?: "admin" | "operator" | "viewer" | undefined;
  readonly expires_in_ms?: number | undefined;
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
};
export type TokenAnswer = { readonly token: TokenView };
/** The only answer that ever holds the secret. */
export type TokenSecretAnswer = { readonly token: TokenView; readonly secret: string };
export type TokenListAnswer = { readonly tokens: readonly TokenView[] };
