/**
 * What management may do to keys and scopes, and doing it: a table of contents. Each command writes its audit record
 * in the same transaction.
 */
import { GatewayError } from "../../providers/gateway-error.ts";
import { workerOfRequest } from "../http/request-id.ts";
import { adjust, summed } from "./commands/adjust.ts";
import { beginBudgets, resetBudget, setOverride, topUp } from "./commands/budgets.ts";
import type { Command, CommandResult } from "./commands/command.ts";
import { record, result, run } from "./commands/common.ts";
import { correct } from "./commands/correct.ts";
import { changeKey, createKey, deleteKey, rotateKey, updateKey } from "./commands/keys.ts";
import { deleteOwn, putOwn } from "./commands/own-config.ts";
import { createScope, deleteScope, updateScope } from "./commands/scopes.ts";
import { deleteTemplate, putTemplate } from "./commands/templates.ts";
import { createToken, revokeToken, updateToken } from "./commands/tokens.ts";
import type { StateWriter } from "./state-writer.ts";

/** Only within the writer's transaction. */
export function executeCommand(writer: StateWriter, command: Command, actor: string): CommandResult {
  switch (command.kind) {
    case "create_key":
      return createKey(writer, command, actor);
    case "create_keys": {
      const made = command.keys.map((key) => createKey(writer, key, actor));
      return { ...result(writer), made };
    }
    case "update_key":
      return changeKey(writer, command.keyId, "key.update", actor, (key) => updateKey(writer, key, command, actor));
    case "revoke_key":
      return changeKey(writer, command.keyId, "key.revoke", actor, () => {
        run(writer, "UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", writer.now(), command.keyId);
        return undefined;
      });
    case "rotate_key":
      return changeKey(writer, command.keyId, "key.rotate", actor, () => {
        rotateKey(writer, command);
        return undefined;
      });
    case "delete_key":
      return changeKey(writer, command.keyId, "key.delete", actor, (key) => deleteKey(writer, key));
    case "create_scope":
      return createScope(writer, command, actor);
    case "update_scope":
      return updateScope(writer, command, actor);
    case "delete_scope":
      return deleteScope(writer, command, actor);
    case "set_override":
      return setOverride(writer, command, actor);
    case "reset_budget":
      return resetBudget(writer, command, actor);
    case "top_up":
      return topUp(writer, command, actor);
    case "create_token":
      return createToken(writer, command, actor);
    case "update_token":
      return updateToken(writer, command, actor);
    case "revoke_token":
      return revokeToken(writer, command, actor);
    case "put_template":
      return putTemplate(writer, command, actor);
    case "delete_template":
      return deleteTemplate(writer, command, actor);
    case "put_own":
      return putOwn(writer, command, actor);
    case "delete_own":
      return deleteOwn(writer, command, actor);
    case "audit":
      record(writer, actor, command.action, command.target, command.before, command.after);
      return result(writer);
    case "probe":
      writer.setMeta("probed_at", writer.now());
      return result(writer);
    case "settle_lost":
      writer.settleOpen(
        (holdId, heldAtMs) => heldAtMs <= command.heldUntilMs && workerOfRequest(holdId) === command.worker,
      );
      return result(writer);
    case "begin_budgets":
      return beginBudgets(writer, command);
    case "adjust":
      return adjust(writer, command, actor);
    case "correct":
      return correct(writer, command, actor);
    case "summed":
      return summed(writer, command);
    case "checkpoint":
    case "snapshot":
      return result(writer); // done before, by the writer: neither fits in one transaction with anything else
    default:
      throw new GatewayError("invalid_request", `unknown command ${(command as { kind: unknown }).kind}`);
  }
}
