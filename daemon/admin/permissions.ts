/** What a caller of the admin API may be allowed, and the roles that bundle it. A route that names none of these does not compile. */

export const permissions = [
  "status:read",
  "daemon:reload",
  "daemon:stop",
  "keys:read",
  "keys:write",
  "customers:read",
  "customers:write",
  "teams:read",
  "teams:write",
  "users:read",
  "users:write",
  "limits:read",
  "limits:write",
  "budgets:read",
  "budgets:write",
  "logs:read",
  "logs:write",
  "metrics:read",
  "alerts:read",
  "alerts:write",
  "audit:read",
  "ledger:read",
  "ledger:write",
  "config:read",
  "config:write",
  "models:read",
  "tokens:read",
  "tokens:write",
] as const;

export type Permission = (typeof permissions)[number];
export type Role = "admin" | "operator" | "viewer";

/** Who runs it from day to day changes keys and owners, not the config, the daemon's life, or who may do what. */
const notForOperators: ReadonlySet<Permission> = new Set(["tokens:write", "config:write", "daemon:stop"]);

export const roles: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  admin: new Set(permissions),
  operator: new Set(permissions.filter((each) => !notForOperators.has(each))),
  viewer: new Set(permissions.filter((each) => each.endsWith(":read"))),
};

export function isPermission(text: string): text is Permission {
  return (permissions as readonly string[]).includes(text);
}
