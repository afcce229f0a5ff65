/**
 * AWS keys: those that the config names, or what the default chain finds (environment, profile, SSO, web identity,
 * container, instance), or a role assumed with them.
 */
import { fromNodeProviderChain, fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import type { Identity } from "../config/generation.ts";
import type { Source } from "./source.ts";
import { agentsFor } from "./way.ts";

type AwsIdentity = Extract<Identity, { kind: "aws" }>;
type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
type Provider = () => Promise<Keys & { readonly expiration?: Date }>;

export function openAws(identity: AwsIdentity): Source {
  const provide = provider(identity);
  return async () => {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provide();
    const keys = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
    return { held: { kind: "aws", keys }, expiresAt: expiration?.getTime() };
  };
}

function provider({ region, keys, profile, role, way }: AwsIdentity): Provider {
  const agents = agentsFor(way);
  const requestHandler =
    agents === undefined ? {} : { requestHandler: { httpAgent: agents.http, httpsAgent: agents.https } };
  const clientConfig = { region, ...requestHandler };
  const base: Provider =
    keys === undefined
      ? fromNodeProviderChain({ ...(profile === undefined ? {} : { profile }), clientConfig })
      : async () => keys;
  if (role === undefined) return base;
  return fromTemporaryCredentials({
    masterCredentials: base,
    params: {
      RoleArn: role.arn,
      RoleSessionName: role.session,
      ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
    },
    clientConfig,
  });
}
