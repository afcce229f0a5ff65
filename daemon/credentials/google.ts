/**
 * Access tokens of Google Cloud: of a service account's key, or of the application default credentials (a file that
 * gcloud wrote, workload identity, the metadata server).
 */
import { type AuthClient, GoogleAuth, type JWTInput } from "google-auth-library";
import type { Identity } from "../config/generation.ts";
import type { Source } from "./source.ts";
import { type Agents, agentsFor, fetchBy } from "./way.ts";

type GoogleIdentity = Extract<Identity, { kind: "google" }>;
type KeyFile = JWTInput & { readonly token_uri?: string };

const scope = "https://www.googleapis.com/auth/cloud-platform";
/** What the library asks, whatever the key's file says. */
const usualTokenUri = "https://oauth2.googleapis.com/token";
/** A token that does not say when it ends. */
const lifeMsUsual = 300_000;

export function openGoogle(identity: GoogleIdentity): Source {
  const credentials = identity.key === undefined ? undefined : (JSON.parse(identity.key) as KeyFile);
  const auth = new GoogleAuth({
    scopes: [scope],
    ...(credentials === undefined ? {} : { credentials }),
    clientOptions: transport(credentials?.token_uri, agentsFor(identity.way)),
  });
  let client: AuthClient | undefined;
  return async () => {
    client ??= await auth.getClient();
    const { token } = await client.getAccessToken();
    if (typeof token !== "string" || token === "") throw new Error("no access token");
    const project = client.quotaProjectId === undefined ? [] : ["x-goog-user-project", client.quotaProjectId];
    return {
      held: { kind: "headers", headers: ["authorization", `Bearer ${token}`, ...project] },
      expiresAt: client.credentials.expiry_date ?? Date.now() + lifeMsUsual,
    };
  };
}

/** The key's own token address is kept: in a closed network it is not the usual one. */
function transport(tokenUri: string | undefined, agents: Agents | undefined) {
  const isUsual = tokenUri === undefined || tokenUri === usualTokenUri;
  if (isUsual && agents === undefined) return {};
  const ask = agents === undefined ? fetch : fetchBy(agents);
  return {
    transporterOptions: {
      fetchImplementation: (asked: string | URL | Request, init?: RequestInit) =>
        ask(!isUsual && String(asked) === usualTokenUri ? tokenUri : asked, init),
    },
  };
}
