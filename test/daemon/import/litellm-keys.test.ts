/** What becomes of rows of LiteLLM's database that name what is not there, or say what nobody here understands. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { importLitellmWithKeys } from "../../../daemon/import/litellm.ts";

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
    told: [[15, "its user u-9 has no row, so nothing of a user bound it: kept as metadata", false]],
  });
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
    LiteLLM_TeamMembership: [
      { user_id: "u", team_id: "t", budget_id: "b" },
      { user_id: "v", team_id: "t" },
    ],
    LiteLLM_Config: [{ param_name: "x" }],
    LiteLLM_ErrorLogs: [],
  });
  assert.deepEqual(told, [
    [9, "2 rows of LiteLLM_TeamMembership: this table has no counterpart, and what bound somebody in it is gone", true],
    [20, "1 row of LiteLLM_Config: this table has no counterpart", false],
  ]);
});
