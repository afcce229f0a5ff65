import assert from "node:assert/strict";
import { test } from "node:test";
import { isSignedWith } from "./sigv4.ts";

const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";

function vector(method: string, signature: string) {
  return {
    method,
    path: "/",
    body: "",
    headers: {
      host: "example.amazonaws.com",
      "x-amz-date": "20150830T123600Z",
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    },
  };
}

test("isSignedWith() agrees with the vectors that AWS publishes", () => {
  const get = vector("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  const post = vector("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  assert.ok(isSignedWith(secret, get));
  assert.ok(isSignedWith(secret, post));
  assert.ok(!isSignedWith(`${secret}.`, get));
  assert.ok(!isSignedWith(secret, { ...get, path: "/other" }));
  assert.ok(!isSignedWith(secret, { ...post, body: "x" }));
});
