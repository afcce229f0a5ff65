/** Admin tokens: made, listed, revoked, and asked for at the door. Only their hashes are kept. */
import { hash, randomBytes } from "node:crypto";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { Database } from "../../store/database.ts";
import type { Action, AdminServices, Reach } from "../admin-services.ts";
import type {
  CreateTokenRequest,
  TokenListAnswer,
  TokenListQuery,
  TokenView,
  UpdateTokenRequest,
} from "../contract/tokens.ts";
import { isPermission, type Permission, permissions, roles } from "../permissions.ts";
import type { Caller } from "../route.ts";
import { assertMatch, type Governance } from "./governance.ts";
import { expiry } from "./keys.ts";
import { readCursor } from "./list-order.ts";
import { parentOf, referenceTo } from "./owner-change.ts";
import { isInReach, scopesInReach } from "./reach.ts";
import type { StoreAccess } from "./store-access.ts";

type TokenRow = {
  id: number;
  public_id: string;
  name: string;
  prefix: string;
  permissions: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  created_by: string;
  within: number | null;
};

const pageDefault = 100;
const secretStart = "bf-admin-";
const secretBytes = 32;
const shownCharacters = secretStart.length + 4;
/** In use at once; more are a sign of a loop. */
const tokensMax = 1_000;

export function createTokenService(access: StoreAccess, governance: Governance): AdminServices["tokens"] {
  const { inTurn, now, reach, rows } = governance;
  const columns = "id, public_id, name, prefix, permissions, created_at, expires_at, revoked_at, created_by, within";

  function view(row: TokenRow): TokenView {
    const isOver = row.expires_at !== null && row.expires_at <= now();
    return {
      id: row.public_id,
      name: row.name,
      prefix: row.prefix,
      permissions: JSON.parse(row.permissions) as string[],
      state: row.revoked_at !== null ? "revoked" : isOver ? "expired" : "active",
      created_at_ms: row.created_at,
      created_by: row.created_by,
      expires_at_ms: row.expires_at,
      within: referenceTo(rows, row.within ?? undefined),
      etag: etagOf(row),
    };
  }

  const isReachable = ({ within }: TokenRow): boolean =>
    reach === undefined || (within !== null && isInReach(access.database(), reach, within));

  function find(reference: string): TokenRow {
    const column = reference.startsWith("tok_") ? "public_id" : "name";
    const sql = `SELECT ${columns} FROM admin_tokens WHERE ${column} = ? ORDER BY revoked_at IS NOT NULL, id DESC`;
    const row = access.database().prepare(sql).get(reference) as TokenRow | undefined;
    if (row === undefined || !isReachable(row))
      throw new GatewayError("not_found", `there is no token "${reference}"`, { param: "token" });
    return row;
  }

  function assertRoom(name: string): void {
    const live = access
      .database()
      .prepare("SELECT name FROM admin_tokens WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)")
      .pluck()
      .all(now()) as string[];
    if (live.includes(name))
      throw new GatewayError("conflict", `there is a token "${name}" already`, { param: "name" });
    if (live.length >= tokensMax)
      throw new GatewayError("conflict", `there are ${tokensMax} tokens; revoke some first`);
  }

  async function create(request: CreateTokenRequest, action: Action) {
    assertRoom(request.name);
    const expiresAtMs = request.expires_in_ms === undefined ? undefined : now() + request.expires_in_ms;
    const granted = grantedBy(request, action.caller.permissions);
    assertNotLonger(expiresAtMs, action.caller.expiresAtMs);
    const within = parentOf(rows, request)?.id ?? reach?.scopeId;
    const secret = `${secretStart}${randomBytes(secretBytes).toString("base64url")}`;
    const publicId = governance.publicId("tok_");
    const prefix = `${secret.slice(0, shownCharacters)}…`;
    await access.execute(
      {
        kind: "create_token",
        publicId,
        name: request.name,
        prefix,
        hash: hashOf(secret),
        permissions: granted,
        within,
        expiresAtMs,
      },
      action.actor,
    );
    action.recorded();
    return { token: view(find(publicId)), secret };
  }

  /** Who was granted more than the caller is not the caller's to shut out. */
  function assertNotStronger(row: TokenRow, { caller }: Action): void {
    const { permissions: own } = caller;
    if (own === "all") return;
    const more = (JSON.parse(row.permissions) as string[]).filter((each) => !isPermission(each) || !own.has(each));
    if (more.length === 0) return;
    const message = `token "${row.name}" may do what yours may not (${more.join(", ")}): who has that permission, or the daemon's own user, can revoke it`;
    throw new GatewayError("permission_denied", message, { param: "token" });
  }

  /** What is over stays over: its secret may lie about somewhere. */
  async function update(reference: string, request: UpdateTokenRequest, action: Action) {
    const row = find(reference);
    assertMatch(action, etagOf(row));
    assertNotStronger(row, action);
    const before = view(row);
    if (before.state !== "active")
      throw new GatewayError("conflict", `token "${row.name}" is ${before.state}: make another`, { param: "token" });
    const { name = row.name, permissions: asked, role } = request;
    if (name !== row.name) assertRoom(name);
    const isGranted = asked !== undefined || role !== undefined;
    const granted = isGranted ? grantedBy(request, action.caller.permissions) : before.permissions;
    const wanted = expiry(request, now());
    const expiresAtMs = wanted === undefined ? (row.expires_at ?? undefined) : (wanted ?? undefined);
    if (wanted !== undefined) assertNotLonger(expiresAtMs, action.caller.expiresAtMs);
    const { public_id: publicId } = row;
    await access.execute({ kind: "update_token", publicId, name, permissions: granted, expiresAtMs }, action.actor);
    action.recorded();
    return { token: view(find(publicId)) };
  }

  function list({ limit = pageDefault, after, search }: TokenListQuery): TokenListAnswer {
    const parts: string[] = [];
    const values: unknown[] = [];
    if (reach !== undefined) {
      parts.push(`within IN ${scopesInReach}`);
      values.push(reach.scopeId);
    }
    if (search !== undefined) {
      parts.push("(instr(lower(name), lower(?)) > 0 OR instr(public_id, ?) > 0)");
      values.push(search, search);
    }
    const where = (more: readonly string[]) => (more.length === 0 ? "" : `WHERE ${more.join(" AND ")}`);
    const rest = after === undefined ? parts : [...parts, "id < ?"];
    const sql = `SELECT ${columns} FROM admin_tokens ${where(rest)} ORDER BY id DESC LIMIT ?`;
    const cursor = after === undefined ? [] : [readCursor(after)];
    const found = access
      .database()
      .prepare(sql)
      .all(...values, ...cursor, limit + 1) as TokenRow[];
    const page = found.slice(0, limit);
    const count = access
      .database()
      .prepare(`SELECT count(*) FROM admin_tokens ${where(parts)}`)
      .pluck();
    return {
      tokens: page.map(view),
      count: page.length,
      total_count: count.get(...values) as number,
      next: found.length > limit ? `${page.at(-1)!.id}` : null,
    };
  }

  return {
    create: (request, action) => inTurn(() => create(request, action)),
    list: async (query) => list(query),
    show: async (reference) => ({ token: view(find(reference)) }),
    update: (reference, request, action) => inTurn(() => update(reference, request, action)),
    revoke: (reference, action) =>
      inTurn(async () => {
        const found = find(reference);
        assertMatch(action, etagOf(found));
        assertNotStronger(found, action);
        const { public_id: publicId } = found;
        await access.execute({ kind: "revoke_token", publicId }, action.actor);
        action.recorded();
        return { token: view(find(publicId)) };
      }),
  };
}

/** Never more than the maker has; `*` is all there is, for those who have it. */
export function grantedBy(
  { permissions: asked, role }: Pick<CreateTokenRequest, "permissions" | "role">,
  own: "all" | ReadonlySet<Permission>,
): readonly Permission[] {
  const wanted = role === undefined ? (asked ?? []) : [...roles[role]];
  const named = wanted.includes("*") ? [...permissions] : wanted;
  return [...new Set(named)].map((each) => {
    if (!isPermission(each))
      throw new GatewayError(
        "invalid_request",
        `"permissions": there is no "${each}"; there are ${permissions.join(", ")}`,
        { param: "permissions" },
      );
    if (own !== "all" && !own.has(each))
      throw new GatewayError("permission_denied", `a token may not grant ${each}, which its maker does not have`);
    return each;
  });
}

function assertNotLonger(wanted: number | undefined, own: number | undefined): void {
  if (own === undefined || (wanted !== undefined && wanted <= own)) return;
  throw new GatewayError("permission_denied", "a token may not outlive the token that makes it: give it an expiry");
}

/** The door over TCP. A token that is revoked or over is refused with the next request. */
export function createAuthenticate(
  database: () => Database,
  now: () => number,
): (header: string | undefined) => Caller {
  return (header) => {
    const [, secret] = /^Bearer (\S+)$/i.exec(header ?? "") ?? [];
    if (secret === undefined)
      throw new GatewayError("missing_api_key", "no admin token: send it as `Authorization: Bearer bf-admin-…`");
    const row = database()
      .prepare("SELECT public_id, name, permissions, expires_at, revoked_at, within FROM admin_tokens WHERE hash = ?")
      .get(hashOf(secret)) as TokenRow | undefined;
    if (row === undefined) throw new GatewayError("invalid_api_key", "this admin token is not known here");
    if (row.revoked_at !== null) throw new GatewayError("blocked_api_key", "this admin token has been revoked");
    if (row.expires_at !== null && row.expires_at <= now())
      throw new GatewayError("expired_api_key", "this admin token has expired");
    const granted = (JSON.parse(row.permissions) as string[]).filter(isPermission);
    return {
      actor: `token:${row.name} (${row.public_id})`,
      permissions: new Set(granted),
      ...(row.expires_at === null ? {} : { expiresAtMs: row.expires_at }),
      ...(row.within === null ? {} : { reach: readReach(database(), row.within) }),
    };
  };
}

/** A token outlives its owner's removal in name only. */
function readReach(database: Database, scopeId: number): Reach {
  const sql = `SELECT id AS scopeId, kind, public_id AS publicId, name FROM scopes
    WHERE id = ? AND deleted_at IS NULL AND kind IN ('customer', 'team', 'user')`;
  const reach = database.prepare(sql).get(scopeId) as Reach | undefined;
  if (reach !== undefined) return reach;
  throw new GatewayError("blocked_api_key", "what this admin token was bound to has been removed");
}

/** Of what may change. */
function etagOf({ name, permissions, expires_at, revoked_at }: TokenRow): string {
  const text = JSON.stringify([name, permissions, expires_at, revoked_at]);
  return `"${hash("sha256", text).slice(0, 16)}"`;
}

function hashOf(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}
