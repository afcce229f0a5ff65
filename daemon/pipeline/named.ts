/**
 * Whom a request names: its end user and its tags. Hides where the different SDKs put them, and that a session's blob
 * is nobody's name.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { NamesOfRequests } from "../governance/directory.ts";
import { topLevel } from "../http/top-level.ts";

export type Named = { readonly endUser: string | undefined; readonly tags: readonly string[] };

/** So that they and all that is planned fit a request's scopes. */
export const tagsMax = 3;
const nameCharactersMax = 128;
const fields = ["user", "metadata", "safety_identifier"] as const;

export function namedBy(rules: NamesOfRequests, headers: IncomingHttpHeaders, body: Buffer | undefined): Named {
  const { end_user: users, tag } = rules;
  let endUser = users === undefined ? undefined : nameOf(headers[users.header]);
  let tags = tag === undefined ? [] : listOf(headers[tag.header]);
  if (
    body !== undefined &&
    ((users !== undefined && endUser === undefined) || (tag !== undefined && tags.length === 0))
  ) {
    const values = topLevel(body, fields);
    const metadata = objectOf(values.metadata);
    if (users !== undefined)
      endUser ??= nameOf(values.user) ?? nameOf(metadata["user_id"]) ?? nameOf(values.safety_identifier);
    if (tag !== undefined && tags.length === 0) tags = listOf(metadata["tags"]);
  }
  return { endUser, tags: [...new Set(tags)].slice(0, tagsMax) };
}

/** Claude Code names a session in it, and some clients a whole object: each would be a new user with a budget of its own. */
function nameOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const name = value.trim().replace(/_session_[0-9a-f-]{8,}$/i, "");
  return name === "" || name.length > nameCharactersMax || /^[[{]/.test(name) ? undefined : name;
}

function listOf(value: unknown): readonly string[] {
  const list = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : [];
  return list.flatMap((each) => nameOf(each) ?? []);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
