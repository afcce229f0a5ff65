/** Admin tokens: made, listed, revoked, and asked for at the door. Only their hashes are kept. */
import { hash, randomBytes } from "node:crypto";
import { GatewayError } from "../../../providers/gateway-error.ts";
import type { Database } from "../../store/database.ts";
import type { Action, AdminServices } from "../admin-services.ts";
import type { CreateTokenRequest, TokenView } from "../contract/tokens.ts";
import { isPermission, type Permission, permissions, roles } from "../permissions.ts";
import type { Caller } from "../route.ts";
import type { Governance } from "./governance.ts";
import type { StoreAccess } from "./store-access.ts";

type TokenRow = {
  public_id: string;
  name: string;
  prefix: string;
  permissions: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
  created_by: string;
};

const secretStart = "bf-admin-";
const secretBytes = 32;
const shownCharacters = secretStart.length + 4;
/** In use at once; more are a sign of a loop. */
const tokensMax = 1_000;

export function createTokenService(access: StoreAccess, governance: Governance): AdminServices["tokens"] {
  const { inTurn, now } = governance;
  const columns = "public_id, name, prefix, permissions, created_at, expires_at, revoked_at, created_by";

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
    };
  }

  function find(reference: string): TokenRow {
    const column = reference.startsWith("tok_") ? "public_id" : "name";
    const sql = `SELECT ${columns} FROM admin_tokens WHERE ${column} = ? ORDER BY revoked_at IS NOT NULL, id DESC`;
    const row = access.database().prepare(sql).get(reference) as TokenRow | undefined;
    if (row === undefined) throw new GatewayError("not_found", `there is no token "${reference}"`, { param: "token" });
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
        expiresAtMs,
      },
      action.actor,
    );
    action.recorded();
    return { token: view(find(publicId)), secret };
  }

  return {
    create: (request, action) => inTurn(() => create(request, action)),
    list: async () => ({
      tokens: (
        access.database().prepare(`SELECT ${columns} FROM admin_tokens ORDER BY id DESC`).all() as TokenRow[]
      ).map(view),
    }),
    revoke: (reference, action) =>
      inTurn(async () => {
        const { public_id: publicId } = find(reference);
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
      throw new GatewayError("invalid_request", `"permissions": there is no "${each}"`, { param: "permissions" });
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
      .prepare("SELECT public_id, name, permissions, expires_at, revoked_at FROM admin_tokens WHERE hash = ?")
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
    };
  };
}

function hashOf(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}
