/** Providers that are known by name, configured or not. */

export type HostView = {
  readonly name: string;
  /** Empty where there is no usual place. `{region}` and the like stand open. */
  readonly base_url: string;
  /** Wire languages it is spoken to, its usual one first. */
  readonly dialects: readonly string[];
  /** What is served there itself; other callers of a chat are translated for. */
  readonly operations: readonly string[];
  /** How it is paid with: `bearer`, a header's name, `query`, `none`, and a cloud's identity where no key is given. */
  readonly auth: readonly string[];
  /** Variables that usually hold its key. */
  readonly environment: readonly string[];
  readonly free: boolean;
  /** Names of the configured providers that are it. */
  readonly configured: readonly string[];
};

export type HostsAnswer = { readonly hosts: readonly HostView[] };
