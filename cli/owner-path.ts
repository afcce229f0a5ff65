/** `team:research`, `key:ci` as people name an owner → its path in the admin API. */
import { InvalidArgumentError } from "commander";

const paths: Readonly<Record<string, string>> = {
  key: "/api/keys",
  customer: "/api/governance/customers",
  team: "/api/governance/teams",
  user: "/api/governance/users",
  "end-user": "/api/governance/end-users",
  tag: "/api/governance/tags",
  limit: "/api/governance/model-configs",
  provider: "/api/governance/providers",
};

export function parseOwner(text: string): string {
  const at = text.indexOf(":");
  const path = paths[text.slice(0, Math.max(at, 0))];
  const name = text.slice(at + 1);
  if (path === undefined || name === "")
    throw new InvalidArgumentError(
      `Expected kind:name, such as team:research; kinds: ${Object.keys(paths).join(", ")}.`,
    );
  return `${path}/${encodeURIComponent(name)}`;
}
