/**
 * The `aws`, `google` and `azure` sections of a provider → what stands open in its host's addresses, and the identity
 * that its requests are signed with. Hides which variables stand in for what is not written.
 */
import type { Host } from "../../providers/hosts.ts";
import type { Build } from "./build.ts";
import type { Identity } from "./generation.ts";
import type { Path } from "./problems.ts";
import type { ProviderEntry } from "./schema.ts";
import { expandPath, readSmallFile, reason } from "./secrets.ts";
import { defaults } from "./settings.ts";

/** A service account's key is 2.3 KB, a workload identity's description less. */
const keyFileBytesMax = 64 * 1024;
/** What stands in a host name or a path. */
const parameterPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/;

export type Cloud = {
  readonly parameters: Readonly<Record<string, string>>;
  readonly identity: Identity | undefined;
};

/** @param keyed an API key is written in the entry, or stands in the host's usual variable */
export function readCloud(host: Host, entry: ProviderEntry, keyed: boolean, path: Path, build: Build): Cloud {
  const key = readKeyFile(host, entry, keyed, path, build);
  const parameters = readParameters(host, entry, key, path, build);
  const named = (["aws", "google", "entra"] as const).filter((kind) => namesIdentity(entry, kind));
  if (named.length > 1) {
    build.report({
      path,
      atKey: true,
      message: `has credentials under ${named.map((kind) => sections[kind]).join(" and ")}: write one of them`,
    });
  }
  if (named[0] !== undefined && (entry.api_key !== undefined || entry.keys !== undefined)) {
    build.report({
      path: [...path, sections[named[0]]],
      atKey: true,
      message: `has credentials beside ${entry.keys === undefined ? "api_key" : "keys"}: write one of the two`,
    });
  }
  const kind = named[0] ?? (keyed ? undefined : (presentSection(entry) ?? host.identity));
  if (kind === undefined) return { parameters, identity: undefined };
  if (entry.base_url !== undefined && entry[sections[kind]] === undefined && kind !== "aws") {
    // A signature tells nobody the key; a token is one.
    build.report({
      path,
      atKey: true,
      message: `has no key for its own base_url: write api_key, or ${sections[kind]}: {} to send it that cloud's default token`,
    });
  }
  return { parameters, identity: readIdentity(kind, host, entry, parameters, key, path, build) };
}

/** The section that tells of each. */
const sections = { aws: "aws", google: "google", entra: "azure" } as const;

function namesIdentity(entry: ProviderEntry, kind: Identity["kind"]): boolean {
  switch (kind) {
    case "aws": {
      const { access_key_id, secret_access_key, session_token, profile, role_arn } = entry.aws ?? {};
      return [access_key_id, secret_access_key, session_token, profile, role_arn].some((value) => value !== undefined);
    }
    case "google":
      return entry.google?.credentials_file !== undefined;
    case "entra": {
      const { tenant_id, client_id, client_secret } = entry.azure ?? {};
      return [tenant_id, client_id, client_secret].some((value) => value !== undefined);
    }
  }
}

function presentSection({ aws, google, azure }: ProviderEntry): Identity["kind"] | undefined {
  return aws ? "aws" : google ? "google" : azure ? "entra" : undefined;
}

function readParameters(
  host: Host,
  entry: ProviderEntry,
  key: KeyFile | undefined,
  path: Path,
  build: Build,
): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = {};
  for (const [name, { section, environment, fallback }] of Object.entries(host.parameters ?? {})) {
    const written = (entry[section] as Readonly<Record<string, unknown>> | null | undefined)?.[name];
    const at = [...path, section, name];
    const variable = environment.find((candidate) => build.environment[candidate]);
    const value =
      (typeof written === "string" ? written : undefined) ??
      (name === "project" ? key?.project : undefined) ??
      (variable === undefined ? fallback : build.environment[variable]);
    if (value === undefined) {
      if (name === "resource" && entry.base_url !== undefined) continue; // its address is told
      const usual = environment.join(" or ");
      build.report({ path, atKey: true, message: `needs ${section}.${name}, or ${usual} in the environment` });
    } else if (parameterPattern.test(value)) parameters[name] = value;
    else {
      const from = typeof written === "string" ? "" : `(from ${variable}) `;
      build.report({
        path: typeof written === "string" ? at : path,
        message: `${from}must be letters, digits, ".", "_" and "-"`,
      });
    }
  }
  return parameters;
}

function readIdentity(
  kind: Identity["kind"],
  host: Host,
  entry: ProviderEntry,
  parameters: Readonly<Record<string, string>>,
  key: KeyFile | undefined,
  path: Path,
  build: Build,
): Identity | undefined {
  switch (kind) {
    case "aws":
      return readAws(entry.aws ?? {}, host, parameters, [...path, "aws"], build);
    case "google":
      return { kind, ...(key === undefined ? {} : { key: key.text }) };
    case "entra":
      return readAzure(entry.azure ?? {}, [...path, "azure"], build);
  }
}

function readAws(
  aws: NonNullable<ProviderEntry["aws"]>,
  host: Host,
  parameters: Readonly<Record<string, string>>,
  path: Path,
  build: Build,
): Identity | undefined {
  const region = parameters["region"] ?? aws.region ?? build.environment["AWS_REGION"];
  if (region === undefined) {
    if (host.parameters?.["region"] === undefined) build.report({ path, atKey: true, message: "needs region" });
    return undefined;
  }
  const missing = aws.access_key_id === undefined ? "access_key_id" : "secret_access_key";
  const whole = aws.access_key_id !== undefined && aws.secret_access_key !== undefined;
  if (!whole && (aws.access_key_id ?? aws.secret_access_key ?? aws.session_token) !== undefined) {
    build.report({ path, atKey: true, message: `needs ${missing} as well` });
    return undefined;
  }
  if (whole && aws.profile !== undefined) {
    build.report({ path: [...path, "profile"], message: "stands beside access_key_id: write one of the two" });
  }
  if (aws.role_arn === undefined && (aws.external_id ?? aws.session_name) !== undefined) {
    build.report({ path, atKey: true, message: "has a session of a role, but no role_arn" });
  }
  const secret = (name: "access_key_id" | "secret_access_key" | "session_token") =>
    aws[name] === undefined ? undefined : build.secret(aws[name], [...path, name]);
  const sessionToken = secret("session_token");
  const keys = whole
    ? {
        accessKeyId: secret("access_key_id") ?? "",
        secretAccessKey: secret("secret_access_key") ?? "",
        ...(sessionToken === undefined ? {} : { sessionToken }),
      }
    : undefined;
  return {
    kind: "aws",
    region,
    service: host.service ?? "bedrock",
    ...(keys === undefined ? {} : { keys }),
    ...(aws.profile === undefined ? {} : { profile: aws.profile }),
    ...(aws.role_arn === undefined ? {} : { role: readRole(aws, aws.role_arn, path, build) }),
  };
}

function readRole(aws: NonNullable<ProviderEntry["aws"]>, arn: string, path: Path, build: Build) {
  if (!/^arn:[a-z-]+:iam::\d{12}:role\/\S+$/.test(arn)) {
    build.report({ path: [...path, "role_arn"], message: "is no role; expected arn:aws:iam::123456789012:role/NAME" });
  }
  const session = aws.session_name ?? defaults.aws.session_name;
  if (!/^[\w+=,.@-]{2,64}$/.test(session)) {
    build.report({ path: [...path, "session_name"], message: "must have 2 to 64 letters, digits or any of _+=,.@-" });
  }
  return { arn, session, ...(aws.external_id === undefined ? {} : { externalId: aws.external_id }) };
}

function readAzure(azure: NonNullable<ProviderEntry["azure"]>, path: Path, build: Build): Identity | undefined {
  const { tenant_id: tenantId, client_id: clientId, authority } = azure;
  const scope = azure.scope ?? defaults.azure.scope;
  if (azure.client_secret !== undefined && (tenantId === undefined || clientId === undefined)) {
    build.report({ path, atKey: true, message: "has client_secret: it needs tenant_id and client_id as well" });
    return undefined;
  }
  if (authority !== undefined && (!URL.canParse(authority) || new URL(authority).protocol !== "https:")) {
    build.report({ path: [...path, "authority"], message: "must begin with https://" });
  }
  const clientSecret =
    azure.client_secret === undefined ? undefined : build.secret(azure.client_secret, [...path, "client_secret"]);
  return {
    kind: "entra",
    scope,
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(clientSecret === undefined ? {} : { clientSecret }),
    ...(authority === undefined ? {} : { authority }),
  };
}

type KeyFile = { readonly text: string; readonly project: string | undefined };

const keyTypes = new Set([
  "service_account",
  "authorized_user",
  "external_account",
  "external_account_authorized_user",
  "impersonated_service_account",
]);

function readKeyFile(host: Host, entry: ProviderEntry, keyed: boolean, path: Path, build: Build): KeyFile | undefined {
  const written = entry.google?.credentials_file;
  const variable = build.environment["GOOGLE_APPLICATION_CREDENTIALS"];
  const wanted = written ?? (host.identity === "google" && !keyed ? variable || undefined : undefined);
  if (wanted === undefined) return undefined;
  const at: Path = written === undefined ? path : [...path, "google", "credentials_file"];
  const refuse = (message: string) => {
    const from = written === undefined ? "GOOGLE_APPLICATION_CREDENTIALS: " : "";
    build.report({ path: at, message: from + message, ...(written === undefined && { atKey: true }) });
    return undefined;
  };
  const file = expandPath(wanted, build);
  build.watch(file);
  let text: string;
  try {
    text = readSmallFile(file, keyFileBytesMax);
  } catch (error) {
    return refuse(`cannot read ${file}: ${reason(error)}`);
  }
  let value: Readonly<Record<string, unknown>> | null;
  try {
    value = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
  } catch {
    return refuse(`${file} is not JSON; expected the key file of a service account`);
  }
  const type = value?.["type"];
  if (typeof type !== "string" || !keyTypes.has(type)) {
    return refuse(`${file} is no Google credentials file: its "type" is not one of ${[...keyTypes].join(", ")}`);
  }
  const key = value?.["private_key"];
  if (type === "service_account" && (typeof key !== "string" || typeof value?.["client_email"] !== "string")) {
    return refuse(`${file} lacks client_email or private_key`);
  }
  const project = value?.["project_id"] ?? value?.["quota_project_id"];
  return { text: JSON.stringify(value), project: typeof project === "string" ? project : undefined };
}
