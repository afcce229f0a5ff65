/**
 * What each route answers. Apart from the routes, since only the description needs it: a daemon that is never asked to
 * describe itself makes none of these schemas.
 */
import type { z } from "zod";
import * as daemon from "./daemon.ts";
import { document } from "./daemon.ts";
import * as governance from "./governance.ts";
import * as log from "./log.ts";

export type Described = {
  /** By media type. Of a stream each line or event is one; null: text. */
  readonly content: Readonly<Record<string, z.ZodType | null>>;
};

const owned = ["customers", "teams", "users", "end-users", "tags", "model-configs", "providers"];

const answers: Readonly<Record<string, z.ZodType | Described>> = {
  ...Object.assign({}, ...["/api/keys", "/api/governance/virtual-keys"].map(ofKeys)),
  ...Object.assign({}, ...owned.map((path) => ofOwners(`/api/governance/${path}`))),
  "POST /api/import/keys": governance.keyAnswer,
  "POST /api/import/keys/batch": governance.adoptedKeys,
  "GET /api/governance/budgets": governance.budgetList,
  "GET /api/governance/rate-limits": governance.limitList,
  "GET /api/tokens": governance.tokenList,
  "POST /api/tokens": governance.tokenSecret,
  "GET /api/tokens/{token}": governance.tokenAnswer,
  "PATCH /api/tokens/{token}": governance.tokenAnswer,
  "DELETE /api/tokens/{token}": governance.tokenAnswer,

  "GET /api/status": daemon.statusAnswer,
  "GET /api/providers": daemon.providersAnswer,
  "GET /api/hosts": daemon.hostsAnswer,
  "GET /api/models": daemon.modelsAnswer,
  "GET /api/egress": daemon.egressAnswer,
  "POST /api/reload": daemon.reloadAnswer,
  "POST /api/stop": daemon.stopAnswer,
  "POST /api/restart": daemon.stopAnswer,
  "GET /api/openapi.json": document,
  "GET /metrics": { content: { "text/plain": null } },

  "GET /api/logs": log.logsAnswer,
  "DELETE /api/logs": log.logDeleted,
  "GET /api/logs/open": log.openRequests,
  "GET /api/logs/stats": log.statsAnswer,
  "GET /api/logs/histogram": log.histogramAnswer,
  "GET /api/logs/rankings": log.rankingsAnswer,
  "GET /api/logs/facets": log.facetsAnswer,
  "GET /api/logs/dashboard": log.dashboardAnswer,
  "GET /api/logs/dropped": log.droppedAnswer,
  "GET /api/logs/export": { content: { "application/x-ndjson": log.logRow, "text/csv": null } },
  "GET /api/logs/sessions/{session}": log.sessionAnswer,
  "GET /api/logs/{id}": log.logAnswer,
  "GET /api/logs/{id}/explain": log.explainAnswer,
  "GET /api/feed": { content: { "text/event-stream": log.feedMessage } },

  "GET /api/alerts": daemon.alertsAnswer,
  "POST /api/alerts/channels/{channel}/test": daemon.alertTestAnswer,
  "GET /api/audit/verify": daemon.auditVerifyAnswer,
  "GET /api/audit/records": daemon.auditList,
  "GET /api/audit/export": { content: { "application/x-ndjson": daemon.chainedRecord } },
  "GET /api/ledger/check": daemon.ledgerAnswer,
  "GET /api/store/check": daemon.storeCheckAnswer,
  "POST /api/ledger/reprice": daemon.repriceAnswer,
  "POST /api/config/validate": daemon.validateAnswer,
  "GET /api/config/schema": document,
  "GET /api/config/diff": daemon.diffAnswer,
  "GET /api/config/history": daemon.historyAnswer,
  "POST /api/config/rollback": daemon.reloadAnswer,
  "POST /api/route/test": daemon.routeTestAnswer,
  ...ofOwn("/api/routing/rules", "rule", daemon.rulesAnswer, daemon.ruleAnswer),
  ...ofOwn("/api/governance/routing-rules", "rule", daemon.rulesAnswer, daemon.ruleAnswer),
  ...ofOwn("/api/governance/pricing-overrides", "override", daemon.pricesAnswer, daemon.priceAnswer),
};

export function answerOf(method: string, path: string): Described | undefined {
  const found = answers[`${method} ${path}`];
  return found === undefined || "content" in found ? found : { content: { "application/json": found } };
}

/** Of any route that refuses. */
export const refusal: z.ZodType = governance.errorAnswer;

function ofKeys(path: string): Record<string, z.ZodType> {
  const one = `${path}/{key}`;
  return {
    [`GET ${path}`]: governance.keyList,
    [`POST ${path}`]: governance.keySecret,
    [`GET ${one}`]: governance.keyAnswer,
    [`PATCH ${one}`]: governance.keyAnswer,
    [`PUT ${one}`]: governance.keyAnswer,
    [`DELETE ${one}`]: governance.keyAnswer,
    [`POST ${one}/rotate`]: governance.keySecret,
    [`POST ${path}/rotate`]: governance.keySecrets,
    ...ofMoney(one),
  };
}

function ofOwners(path: string): Record<string, z.ZodType> {
  const one = `${path}/{id}`;
  return {
    [`GET ${path}`]: governance.ownerList,
    ...Object.fromEntries(
      [`POST ${path}`, `GET ${one}`, `PATCH ${one}`, `PUT ${one}`, `DELETE ${one}`].map((at) => [
        at,
        governance.ownerAnswer,
      ]),
    ),
    ...ofMoney(one),
  };
}

function ofOwn(path: string, param: string, list: z.ZodType, answer: z.ZodType): Record<string, z.ZodType> {
  const one = `${path}/{${param}}`;
  const others = [`POST ${path}`, `GET ${one}`, `PATCH ${one}`, `PUT ${one}`, `DELETE ${one}`];
  return { [`GET ${path}`]: list, ...Object.fromEntries(others.map((at) => [at, answer])) };
}

function ofMoney(one: string): Record<string, z.ZodType> {
  return {
    [`PUT ${one}/budgets/{slot}/override`]: governance.budgetAnswer,
    [`DELETE ${one}/budgets/{slot}/override`]: governance.budgetAnswer,
    [`POST ${one}/budgets/{slot}/reset`]: governance.budgetAnswer,
    [`GET ${one}/wallet`]: governance.walletAnswer,
    [`POST ${one}/wallet`]: governance.walletAnswer,
  };
}
