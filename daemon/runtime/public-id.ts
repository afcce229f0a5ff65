/** Ids by which the world knows keys and owners. */
import { randomBytes } from "node:crypto";

/** 72 random bits never meet in one home. */
const publicIdBytes = 9;

export function newPublicId(prefix: string): string {
  return `${prefix}${randomBytes(publicIdBytes).toString("base64url").replaceAll("-", "0").replaceAll("_", "1")}`;
}
