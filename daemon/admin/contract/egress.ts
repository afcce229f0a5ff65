/** Every address that the config in use can make the daemon call. */

export type EgressView = {
  readonly host: string;
  readonly port: number;
  /** Where the config says so. */
  readonly used_by: string;
  /** On this machine. */
  readonly local: boolean;
};

/** `closed`: all others are refused. */
export type EgressAnswer = { readonly egress: "open" | "closed"; readonly addresses: readonly EgressView[] };
