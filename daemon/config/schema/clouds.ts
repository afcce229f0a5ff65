/** What the three clouds ask of a provider's entry: where, and who we are there. */
import { z } from "zod";
import { defaults } from "../settings.ts";
import { section, setting, text } from "./setting.ts";

const aws = z.strictObject({
  region: setting(text, "AWS region: `eu-central-1`. Default: `AWS_REGION` or `AWS_DEFAULT_REGION`."),
  access_key_id: setting(
    text,
    "Access key id, `env.NAME` or `file.PATH`. Default: AWS's own chain (environment, profile, SSO, web identity, container, instance).",
  ),
  secret_access_key: setting(text, "Secret of that access key, `env.NAME` or `file.PATH`."),
  session_token: setting(text, "Session token of a temporary access key, `env.NAME` or `file.PATH`."),
  profile: setting(text, "Profile of the shared AWS files, in place of the default one."),
  role_arn: setting(text, "Role to assume with the keys found; it is assumed again before it ends."),
  external_id: setting(text, "External id that the role asks for."),
  session_name: setting(
    text,
    "Name of the assumed role's session, as AWS's own trail shows it.",
    defaults.aws.session_name,
  ),
});

const google = z.strictObject({
  project: setting(
    text,
    "Google Cloud project. Default: that of the credentials file, or `GOOGLE_CLOUD_PROJECT`, or `GCLOUD_PROJECT`.",
  ),
  location: setting(
    text,
    "Location that serves the models: `europe-west4`, `us`, `eu` or `global`. Default: `GOOGLE_CLOUD_LOCATION`, else `global`.",
  ),
  credentials_file: setting(
    text,
    "Service account key or other credentials file, relative to the config. Default: `GOOGLE_APPLICATION_CREDENTIALS`, else gcloud's own file or the metadata server.",
  ),
});

const azure = z.strictObject({
  resource: setting(
    text,
    "Name of the Azure resource, in place of `base_url`: `my-resource`. Default: `AZURE_RESOURCE_NAME`.",
  ),
  api_version: setting(
    text,
    "`v1`, or a dated version such as `2024-10-21`, which has the deployment in the path. Default: `AZURE_API_VERSION`, else `v1`.",
  ),
  tenant_id: setting(text, "Entra ID tenant, for a token in place of an API key."),
  client_id: setting(text, "Application (or user-assigned managed identity) whose token is used."),
  client_secret: setting(
    text,
    "Secret of the application, `env.NAME` or `file.PATH`. Default: Azure's own chain (workload identity, managed identity, login).",
  ),
  authority: setting(text, "Entra ID's address, where it is not the public cloud's."),
  scope: setting(text, "What the token is for.", defaults.azure.scope),
});

/** Sections of a provider. */
export const clouds = {
  aws: section(aws, "Region and credentials of a provider on AWS; requests are signed unless an API key is given."),
  google: section(google, "Project, location and credentials of a provider on Google Cloud."),
  azure: section(azure, "Resource, version and Entra ID credentials of a provider on Azure."),
};
