/** Where an identity's credentials come from. Hides the clouds' libraries: each is loaded when the first such provider is configured. */
import type { Identity } from "../config/generation.ts";

/** What proves an identity for a while. */
export type Held =
  | {
      readonly kind: "aws";
      readonly keys: {
        readonly accessKeyId: string;
        readonly secretAccessKey: string;
        readonly sessionToken?: string;
      };
    }
  /** Flat name, value pairs that a request carries. */
  | { readonly kind: "headers"; readonly headers: readonly string[] };

export type Lasting = {
  readonly held: Held;
  /** Unix time, ms; undefined: for good. */
  readonly expiresAt: number | undefined;
};

/** Fetches the credential anew, or takes the library's own where that is good for long enough. */
export type Source = () => Promise<Lasting>;

export async function openSource(identity: Identity): Promise<Source> {
  switch (identity.kind) {
    case "aws": {
      const { keys, role } = identity;
      // Keys that are at hand need no library; loading it takes a second or two.
      if (keys !== undefined && role === undefined)
        return async () => ({ held: { kind: "aws", keys }, expiresAt: undefined });
      return (await import("./aws.ts")).openAws(identity);
    }
    case "google":
      return (await import("./google.ts")).openGoogle(identity);
    case "entra":
      return (await import("./azure.ts")).openAzure(identity);
  }
}

/**
 * `CredentialsProviderError`, `ECONNREFUSED`, `invalid_client`: names, never sentences. A library's words may quote an
 * answer, and an answer a token.
 */
export function failureName(error: unknown): string {
  const names: string[] = [];
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < causesMax; at = at.cause, depth++) {
    const { code, name, status } = at as Error & { readonly code?: unknown; readonly status?: unknown };
    for (const word of [name, code, typeof status === "number" ? `status_${status}` : undefined]) {
      if (typeof word !== "string" || !plainWord.test(word) || word === "Error" || names.includes(word)) continue;
      names.push(word);
    }
  }
  return names.join(" ") || "Error";
}

const causesMax = 4;
const plainWord = /^[A-Za-z_][\w.-]{0,63}$/;
