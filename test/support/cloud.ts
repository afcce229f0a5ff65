/**
 * The services of three clouds that hand out credentials, and one upstream that keeps what it was sent: real servers on
 * free ports. Hides their wire formats; what they give out lasts as long as the test says.
 */
import { execFileSync } from "node:child_process";
import { createVerify } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http, { type IncomingHttpHeaders, type RequestListener } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { isSignedWith } from "./sigv4.ts";

export type Sent = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Cloud = {
  readonly origin: string;
  readonly entra: string;
  /** Requests for models, in order. */
  readonly calls: Sent[];
  /** Requests for credentials, in order. */
  readonly grants: Sent[];
  /** What models say; a chat completion where it says nothing. */
  answer: (
    sent: Sent,
  ) =>
    | { readonly type: string; readonly body: string | Buffer | AsyncIterable<Buffer>; readonly status?: number }
    | undefined;
  /** Seconds that the next role lasts. */
  roleSeconds: number;
  stop(): Promise<void>;
};

export const baseKeys = { id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };

/** @param publicKey of the service account, to check what it signed */
export async function startCloud(folder: string, publicKey: string): Promise<Cloud> {
  let given = 0;
  const listener: RequestListener = (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const sent: Sent = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts).toString("utf8"),
      };
      const isGrant = /^\/($|\?|google|identity|computeMetadata|.*\/(oauth2|\.well-known)\/)/.test(sent.path);
      (isGrant ? cloud.grants : cloud.calls).push(sent);
      const said = isGrant ? undefined : cloud.answer(sent);
      if (said !== undefined) {
        response.writeHead(said.status ?? 200, { "content-type": said.type });
        if (typeof said.body === "string" || Buffer.isBuffer(said.body)) response.end(said.body);
        else Readable.from(said.body).pipe(response);
        return;
      }
      const [status, type, text] = isGrant
        ? granted(sent, ++given, cloud.roleSeconds, publicKey)
        : ([200, "application/json", completion] as const);
      response.writeHead(status, { "content-type": type, "metadata-flavor": "Google" });
      response.end(text);
    });
  };
  makeCertificate(folder);
  const plain = http.createServer(listener);
  const secure = https.createServer(
    { key: readFileSync(join(folder, "key.pem")), cert: readFileSync(join(folder, "ca.pem")) },
    listener,
  );
  for (const server of [plain, secure]) await once(server.listen(0, "127.0.0.1"), "listening");
  const port = (server: http.Server | https.Server) => (server.address() as AddressInfo).port;
  const cloud: Cloud = {
    origin: `http://127.0.0.1:${port(plain)}`,
    entra: `https://localhost:${port(secure)}`,
    calls: [],
    grants: [],
    answer: () => undefined,
    roleSeconds: 5,
    async stop() {
      for (const server of [plain, secure]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return cloud;
}

const completion = JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hello." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
});

function granted(sent: Sent, number: number, roleLife: number, publicKey: string): readonly [number, string, string] {
  const life = 3600;
  const json = (value: object) => [200, "application/json", JSON.stringify(value)] as const;
  if (sent.path.startsWith("/google/token")) {
    const form = new URLSearchParams(sent.body);
    const [head = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    const genuine = createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(publicKey, signature, "base64url");
    if (!genuine) return [400, "application/json", '{"error":"invalid_grant"}'];
    return json({ access_token: `google-${number}`, expires_in: life, token_type: "Bearer" });
  }
  if (sent.path.startsWith("/computeMetadata")) {
    if (sent.headers["metadata-flavor"] !== "Google") return [403, "text/plain", ""];
    if (!sent.path.includes("/token")) return [200, "text/plain", "project-of-metadata"];
    return json({ access_token: `metadata-${number}`, expires_in: life, token_type: "Bearer" });
  }
  if (sent.path.startsWith("/identity")) {
    if (sent.headers["x-identity-header"] !== "identity-secret") return [403, "text/plain", ""];
    const expires = Math.floor(Date.now() / 1000) + life;
    return json({ access_token: `managed-${number}`, expires_on: String(expires), token_type: "Bearer" });
  }
  if (sent.path.includes("/.well-known/openid-configuration")) {
    const here = `https://${sent.headers.host}${sent.path.slice(0, sent.path.indexOf("/v2.0"))}`;
    const [token, authorize] = [`${here}/oauth2/v2.0/token`, `${here}/oauth2/v2.0/authorize`];
    return json({
      issuer: `${here}/v2.0`,
      jwks_uri: `${here}/keys`,
      token_endpoint: token,
      authorization_endpoint: authorize,
    });
  }
  if (sent.path.includes("/oauth2/")) {
    const form = new URLSearchParams(sent.body);
    if (form.get("client_secret") !== "entra-secret") return [401, "application/json", '{"error":"invalid_client"}'];
    return json({ access_token: `entra-${number}`, expires_in: life, ext_expires_in: life, token_type: "Bearer" });
  }
  if (!isSignedWith(baseKeys.secret, sent)) return [403, "text/xml", "<ErrorResponse/>"];
  const expires = new Date(Date.now() + roleLife * 1000).toISOString();
  return [
    200,
    "text/xml",
    `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>` +
      `<AccessKeyId>ASIAROLE${number}</AccessKeyId><SecretAccessKey>role-secret-${number}</SecretAccessKey>` +
      `<SessionToken>role-session-${number}</SessionToken><Expiration>${expires}</Expiration>` +
      "</Credentials></AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>",
  ];
}

function makeCertificate(folder: string): void {
  execFileSync(
    "openssl",
    `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:login.test -keyout ${join(folder, "key.pem")} -out ${join(folder, "ca.pem")}`.split(
      " ",
    ),
    { stdio: "ignore" },
  );
}
