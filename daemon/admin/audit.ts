/** Routes of the audit trail and of the ledger's own check. */

import { z } from "zod";
import type { AuditExportQuery, AuditListQuery } from "./contract/audit.ts";
import type { RepriceRequest } from "./contract/reprice.ts";
import { changes, queryFields, type Route, reads, strict } from "./route.ts";

const range = strict<AuditExportQuery>({
  since_ms: queryFields.epochMs().optional(),
  until_ms: queryFields.epochMs().optional(),
});

const page = strict<AuditListQuery>({
  limit: queryFields.count(1, 1_000).optional(),
  before: queryFields.text(32).optional(),
  changes: queryFields.flag().optional(),
});

export const auditRoutes: readonly Route[] = [
  reads({
    method: "GET",
    path: "/api/audit/verify",
    permission: "audit:read",
    summary: "Walk the chain and name the first bad record",
    tells: true,
    run: (services, { tell }) => services.audit.verify(tell),
  }),
  reads<AuditListQuery>({
    method: "GET",
    path: "/api/audit/records",
    permission: "audit:read",
    summary: "Records of the chain, newest first",
    query: page,
    run: (services, { query }) => services.audit.list(query),
  }),
  reads<AuditExportQuery>({
    method: "GET",
    path: "/api/audit/export",
    permission: "audit:read",
    summary: "Every record as it is chained, one JSON text a line",
    query: range,
    run: (services, { query }) => services.audit.export(query),
  }),
  reads({
    method: "GET",
    path: "/api/ledger/check",
    permission: "ledger:read",
    summary: "Compare every balance with the sum of its settled rows",
    tells: true,
    run: (services, { tell }) => services.ledger.check(tell),
  }),
  reads({
    method: "GET",
    path: "/api/store/check",
    permission: "audit:read",
    summary: "Let SQLite check every table of both files",
    tells: true,
    run: (services, { tell }) => services.audit.files(tell),
  }),
  changes<RepriceRequest>({
    method: "POST",
    path: "/api/ledger/reprice",
    permission: "ledger:write",
    action: "ledger.reprice",
    summary: "Charge settled requests the prices of today, by adjusting entries",
    body: strict<RepriceRequest>({
      since_ms: z.int().min(0),
      until_ms: z.int().min(0),
      model: z.string().min(3).max(600).optional(),
      dry_run: z.boolean().optional(),
    }),
    tells: true,
    run: (services, input) => services.ledger.reprice(input.body, input.action, input.tell),
  }),
];
