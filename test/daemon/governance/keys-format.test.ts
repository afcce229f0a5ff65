import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { hashKey, isWellFormed, keyPrefix, mintKey } from "../../../daemon/governance/keys-format.ts";

test("mintKey() writes all 256 bits and a checksum, and gives the hash that is stored", () => {
  const minted = mintKey((bytes) => new Uint8Array(bytes).fill(255));
  assert.match(minted.secret, /^sk-bf-[0-9A-Za-z]{49}$/);
  assert.equal(minted.prefix, `${minted.secret.slice(0, 9)}…`);
  assert.deepEqual(Buffer.from(minted.hash), createHash("sha256").update(minted.secret).digest());
  assert.equal(mintKey((bytes) => new Uint8Array(bytes)).secret.slice(6, 49), "0".repeat(43));
  assert.notEqual(mintKey().secret, mintKey().secret);
});

test("isWellFormed() finds a wrong, missing or exchanged character", () => {
  const { secret } = mintKey();
  assert.equal(isWellFormed(secret), true);
  assert.equal(isWellFormed(`${secret}0`), false);
  assert.equal(isWellFormed(secret.slice(0, -1)), false);
  assert.equal(isWellFormed("sk-bf-"), false);
  for (let index = 6; index < secret.length; index++) {
    const other = secret[index] === "a" ? "b" : "a";
    assert.equal(isWellFormed(secret.slice(0, index) + other + secret.slice(index + 1)), false);
  }
});

test("hashKey() and keyPrefix() take any text", () => {
  assert.equal(hashKey("").toString("hex"), createHash("sha256").update("").digest("hex"));
  assert.equal(keyPrefix("sk-bf-Ab3dEf"), "sk-bf-Ab3…");
});
