/**
 * Access tokens of Entra ID: of an application's secret, or of what the default chain finds (workload identity, managed
 * identity, environment, the developer's own login).
 */
import { ClientSecretCredential, DefaultAzureCredential, type TokenCredential } from "@azure/identity";
import type { Identity, Way } from "../config/generation.ts";
import type { Source } from "./source.ts";
import { agentsFor } from "./way.ts";

type EntraIdentity = Extract<Identity, { kind: "entra" }>;

export function openAzure(identity: EntraIdentity): Source {
  const credential = credentialOf(identity);
  return async () => {
    const found = await credential.getToken(identity.scope);
    if (found === null) throw new Error("no access token");
    return {
      held: { kind: "headers", headers: ["authorization", `Bearer ${found.token}`] },
      expiresAt: found.expiresOnTimestamp,
    };
  };
}

function credentialOf({ tenantId, clientId, clientSecret, authority, way }: EntraIdentity): TokenCredential {
  // An authority of one's own is not among those that Microsoft's directory knows.
  const options = {
    ...(authority === undefined ? {} : { authorityHost: authority, disableInstanceDiscovery: true }),
    ...wayOptions(way),
  };
  if (tenantId !== undefined && clientId !== undefined && clientSecret !== undefined) {
    return new ClientSecretCredential(tenantId, clientId, clientSecret, options);
  }
  return new DefaultAzureCredential({
    ...options,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(clientId === undefined ? {} : { managedIdentityClientId: clientId }),
  });
}

/** Last before the request leaves: the library's own look at the environment's proxy comes before it. */
function wayOptions(way: Way | undefined) {
  const agents = agentsFor(way);
  if (agents === undefined) return {};
  const policy: PipelinePolicy = {
    name: "bifrostWay",
    sendRequest(request, next) {
      request.agent = request.url.startsWith("https:") ? agents.https : agents.http;
      return next(request);
    },
  };
  return { additionalPolicies: [{ policy, position: "perRetry" as const }] };
}

type PipelinePolicy = NonNullable<
  NonNullable<ConstructorParameters<typeof ClientSecretCredential>[3]>["additionalPolicies"]
>[number]["policy"];
