/** What of LiteLLM's words has no counterpart, and what to do instead: whoever moves from there is to read it at once. */

const hints: Readonly<Record<string, string>> = {
  allowed_model_region: 'providers have no region here: say which it may use in "models", such as ["azure-eu/*"]',
  default_model: "is a routing rule here, with the end user as its scope: bifrost rules create",
  guardrails: "are not run here, so that nothing would be checked",
  policies: "are not kept here, so that nothing would be checked",
  prompts: "prompts are not kept here",
  object_permission: "tools and vector stores are not kept here, so that nothing of theirs can be allowed or refused",
  permissions: "a key has none but to call models: whoever manages holds an admin token, bifrost tokens create",
  auto_rotate: "a secret is shown once, to whoever asks: rotate with /key/regenerate, from where secrets are kept",
  rotation_interval:
    "a secret is shown once, to whoever asks: rotate with /key/regenerate, from where secrets are kept",
  router_settings: "routing is the config's, and rules with the key as their scope: bifrost rules create",
  config: "is the daemon's file here, not a key's",
  budget_fallbacks: "is ledger.downgrade in the config here",
  throttle_on_budget_exceeded:
    "a limit in dollars over a short period slows without a stop: bifrost keys create --limit",
  model_aliases: 'of a team: write "aliases" in the config, or in each key',
  agent_id: "there are no agents here: give each a key, or a tag",
  access_group_ids: 'access groups are named in "models" here',
  tags: "a key has no tags of its own here: requests name theirs, and /tag/new gives them budgets",
  max_iterations: "sessions have no budgets here",
  max_budget_per_session: "sessions have no budgets here",
  password: "nobody logs in here: whoever manages holds an admin token, bifrost tokens create",
  sso_user_id: "nobody logs in here: whoever manages holds an admin token, bifrost tokens create",
  send_invite_email: "no mail is sent from here",
  model_tpm_limit_type: "a limit is one here, whatever others may use",
  model_rpm_limit_type: "a limit is one here, whatever others may use",
};

export function hintFor(name: string): string | undefined {
  return Object.hasOwn(hints, name) ? hints[name] : undefined;
}
