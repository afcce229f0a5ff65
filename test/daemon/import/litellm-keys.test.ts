/** What becomes of rows of LiteLLM's database that name what is not there, or say what nobody here understands. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { importLitellm, importLitellmWithKeys } from "../../../daemon/import/litellm.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const config = "model_list: []\n";
const now = Date.UTC(2026, 10, 26);

function read(database: object) {
  const files = [{ name: "db.json", text: JSON.stringify(database, null, 1) }];
  const { steps, report } = importLitellmWithKeys(config, {}, files, now);
  return {
    made: steps.map(({ body }) => [body["name"], body["team"] ?? body["user"] ?? null]),
    told: report
      .filter(({ outcome }) => outcome !== "kept")
      .map(({ line, message, security }) => [line, message, security]),
  };
}

const key = (alias: string, more: object) => ({ token: sha256(alias), key_alias: alias, ...more });

test("importLitellmWithKeys() leaves out a key of a user that no file has, and says so where the users are known", () => {
  assert.deepEqual(read({ LiteLLM_VerificationToken: [key("a", { user_id: "u-9" })] }), {
    made: [],
    told: [[3, "its user u-9 is in no file that was given, and its limits are not known: give the users too", true]],
  });
  const users = { LiteLLM_UserTable: [{ user_id: "u-1", user_role: "internal_user" }] };
  const keys = [
    key("a", { user_id: "u-9" }),
    key("b", { user_id: "u-1" }),
    key("c", { user_id: "default_user_id" }),
    key("d", { user_id: "u-9", team_id: "t-1" }),
  ];
  const teams = { LiteLLM_TeamTable: [{ team_id: "t-1", team_alias: "team" }] };
  assert.deepEqual(read({ ...users, ...teams, LiteLLM_VerificationToken: keys }), {
    made: [
      ["team", null],
      ["u-1", null],
      ["a", null],
      ["b", "u-1"],
      ["c", null],
      ["d", "team"],
    ],
    told: [
      [30, "this key is of a member of a team, whose budget there stands in LiteLLM_TeamMembership: give it too", true],
      [15, "its user u-9 has no row, so nothing of a user bound it: kept as metadata", false],
    ],
  });
});

test("importLitellmWithKeys() binds a member's key in a team by the member's budget there, or the team's for all", () => {
  const database = {
    LiteLLM_TeamTable: [
      { team_id: "t-1", team_alias: "team" },
      { team_id: "t-2", team_alias: "all", metadata: { team_member_budget_id: "b-2", cost_center: "42" } },
      { team_id: "t-3", team_alias: "odd" },
    ],
    LiteLLM_UserTable: [{ user_id: "u-1", user_alias: "ann", user_role: "internal_user" }],
    LiteLLM_BudgetTable: [
      { budget_id: "b-1", max_budget: 3, tpm_limit: 9 },
      { budget_id: "b-2", max_budget: 7 },
    ],
    LiteLLM_TeamMembership: [
      { user_id: "u-1", team_id: "t-1", budget_id: "b-1", spend: 1 },
      { user_id: "u-1", team_id: "t-3", budget_id: "lost", spend: 0 },
      { user_id: "u-2", team_id: "t-1", budget_id: null, spend: 5 },
    ],
    LiteLLM_VerificationToken: [
      key("a", { user_id: "u-1", team_id: "t-1", metadata: { note: "hers", tags: ["x"], api_token: "s" } }),
      key("b", { user_id: "u-2", team_id: "t-1" }),
      key("c", { user_id: "u-1", team_id: "t-2" }),
      key("d", { user_id: "u-1", team_id: "t-3" }),
      key("e", { user_id: "u-1" }),
    ],
  };
  const { made, told } = read(database);
  assert.deepEqual(made, [
    ["team", null],
    ["all", null],
    ["odd", null],
    ["ann", null],
    ["ann in team", "team"],
    ["ann in all", "all"],
    ["a", "ann in team"],
    ["b", "team"],
    ["c", "ann in all"],
    ["e", "ann"],
  ]);
  assert.deepEqual(
    told.map(([, ...rest]) => rest),
    [
      ["its budget lost is in no file that was given, and not known: give the budgets too", true],
      ["metadata: tags, api_token", false],
      ["its member's budget in its team is not known: give the budgets too", true],
    ],
  );
  const files = [{ name: "db.json", text: JSON.stringify(database) }];
  const { steps } = importLitellmWithKeys(config, {}, files, now);
  const bodyOf = (name: string) => steps.find(({ body }) => body["name"] === name)!.body;
  const { budgets, limits, spent_nano: spent } = bodyOf("ann in team");
  assert.deepEqual(
    [budgets, limits, spent],
    [[{ limit_nano: 3e9, window: { kind: "forever" } }], [{ metric: "tokens", limit: 9, window_ms: 60_000 }], 1e9],
  );
  assert.deepEqual(bodyOf("a")["metadata"], { imported_from: "litellm", user_id: "u-1", note: "hers" });
  assert.deepEqual(bodyOf("all")["metadata"], { cost_center: "42", litellm_id: "t-2" });
});

test("importLitellmWithKeys() gives each key what the config asks of every call, and says it of those made later", () => {
  const text = `general_settings:
  enforced_params: [user]
  allowed_routes: [/chat/completions, /embeddings]
`;
  const rows = [
    key("a", {}),
    key("b", {
      allowed_routes: ["/embeddings", "/images/generations"],
      metadata: { enforced_params: ["metadata.id"] },
    }),
  ];
  const files = [{ name: "k.json", text: JSON.stringify(rows) }];
  const { steps, report } = importLitellmWithKeys(text, {}, files, now);
  assert.deepEqual(
    steps.map(({ body }) => [body["operations"], body["required"]]),
    [
      [["chat", "embeddings"], ["user"]],
      [["embeddings"], ["user", "metadata.id"]],
    ],
  );
  assert.deepEqual(
    report.filter(({ security }) => security),
    [],
  );
  const alone = importLitellm(text, {}).report.filter(({ security }) => security);
  assert.deepEqual(
    alone.map(({ setting }) => setting),
    ["general_settings.enforced_params", "general_settings.allowed_routes"],
  );
});

test("importLitellm() takes a setting that nobody knows for a protection where its name says so", () => {
  const text = `model_list:
  - model_name: theirs
    litellm_params: {model: openai/gpt-4o}
    model_info: {team_id: t-1}
litellm_settings: {block_requests_with_no_tags: true, prettier_logs: true, proxy_budget_x: 1}
general_settings: {restrict_callers: true, allow_restricted: true, enforce_rbac: true}
policy_rules: [x]
`;
  const lost = importLitellm(text, {}).report.filter(({ security }) => security);
  assert.deepEqual(
    lost.map(({ setting }) => setting),
    [
      "model_list[0].model_info.team_id",
      "litellm_settings.block_requests_with_no_tags",
      "litellm_settings.proxy_budget_x",
      "general_settings.restrict_callers",
      "general_settings.enforce_rbac",
    ],
  );
});

test("importLitellmWithKeys() tells of what bound a key and is not taken over, and of columns that it does not know", () => {
  const { told } = read({
    LiteLLM_VerificationToken: [
      key("a", { project_id: "p-1", metadata: { tag_rpm_limit: { x: 1 } }, flavour: "mint", router_settings: null }),
    ],
  });
  assert.deepEqual(told, [
    [3, "project_id: projects have no counterpart, and its limits are not known", true],
    [3, "tag_rpm_limit: limits of tags: write them under governance.tags", true],
    [3, "flavour: is not known here", false],
  ]);
});

test("importLitellmWithKeys() tells of tables that it does not know", () => {
  const { told } = read({
    LiteLLM_VerificationToken: [key("a", {})],
    LiteLLM_OrganizationMembership: [
      { user_id: "u", organization_id: "t", budget_id: "b" },
      { user_id: "v", organization_id: "t" },
    ],
    LiteLLM_Config: [{ param_name: "x" }],
    LiteLLM_ErrorLogs: [],
  });
  assert.deepEqual(told, [
    [
      9,
      "2 rows of LiteLLM_OrganizationMembership: this table has no counterpart, and what bound somebody in it is gone",
      true,
    ],
    [20, "1 row of LiteLLM_Config: this table has no counterpart", false],
  ]);
});
