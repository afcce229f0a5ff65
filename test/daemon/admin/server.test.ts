import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request as dial, type IncomingHttpHeaders } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { adminBodyBytesMax, listenAdmin } from "../../../daemon/admin/server.ts";
import { prepareSocketPath, socketPathBytesMax } from "../../../daemon/admin/socket-path.ts";
import { type Lab, openLab } from "./admin-lab.ts";

type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly cut: boolean;
};

type Sent = {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
};

function send(socketPath: string, sent: Sent, onPart: () => void = () => {}): Promise<Answer> {
  const { method = "GET", path = "/api/status", headers = {}, body = "" } = sent;
  return new Promise((resolve, reject) => {
    const outgoing = dial({ socketPath, method, path, headers: { host: "localhost", ...headers }, agent: false });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      let text = "";
      incoming.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        onPart();
      });
      incoming.on("error", () => {});
      incoming.on("close", () =>
        resolve({ status: incoming.statusCode!, headers: incoming.headers, text, cut: !incoming.complete }),
      );
    });
    outgoing.end(body);
  });
}

async function withServer(body: (socket: string, lab: Lab) => Promise<void>, lab = openLab()): Promise<void> {
  try {
    await body((await lab.listen()).socket, lab);
  } finally {
    await lab.close();
  }
}

const json = { "content-type": "application/json" };

test("listenAdmin() makes a socket that only its owner can open, and tells where it is", () =>
  withServer(async (socket, lab) => {
    assert.equal(statSync(socket).mode & 0o777, 0o600);
    const address = join(lab.home, "admin.json");
    assert.equal(statSync(address).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(address, "utf8")), { pid: process.pid, version: "9.9.9", socket });
  }));

test("listenAdmin() answers JSON and its version", () =>
  withServer(async (socket) => {
    const answer = await send(socket, {});
    assert.deepEqual(
      [answer.status, answer.headers["content-type"], answer.headers["x-bifrost-version"]],
      [200, "application/json", "9.9.9"],
    );
    assert.equal(JSON.parse(answer.text).state, "serving");
  }));

const refused: readonly (readonly [string, Record<string, string>])[] = [
  ["an Origin", { origin: "http://localhost" }],
  ["a null Origin", { origin: "null" }],
  ["a Referer", { referer: "http://localhost/" }],
  ["a foreign Host", { host: "evil.example" }],
  ["a Host that begins like ours", { host: "localhost.evil.example" }],
];
for (const [what, headers] of refused) {
  test(`A38 listenAdmin() refuses ${what}`, () =>
    withServer(async (socket, lab) => {
      const answer = await send(socket, { method: "POST", path: "/api/stop", headers });
      assert.deepEqual([answer.status, JSON.parse(answer.text).error.code], [403, "permission_denied"]);
      assert.deepEqual(lab.stops, []);
    }));
}

const malformed: readonly (readonly [string, number, string, Sent])[] = [
  ["what is not JSON", 400, "invalid_json", { headers: json, body: "{" }],
  [
    "what is nested too deep",
    400,
    "invalid_json",
    { headers: json, body: `{"a":${"[".repeat(128)}"]\\""${"]".repeat(128)}}` },
  ],
  ["bad UTF-8", 400, "invalid_json", { headers: json, body: Buffer.from([0x22, 0xff, 0x22]) }],
  ["a form", 415, "unsupported_media_type", { headers: { "content-type": "text/plain" }, body: '{"name":"a"}' }],
  ["a body without a type", 415, "unsupported_media_type", { body: '{"name":"a"}' }],
  ["a body above the limit", 413, "payload_too_large", { headers: json, body: " ".repeat(adminBodyBytesMax + 1) }],
];
for (const [what, status, code, sent] of malformed) {
  test(`listenAdmin() refuses ${what} and goes on`, () =>
    withServer(async (socket) => {
      const answer = await send(socket, { method: "POST", path: "/api/keys", ...sent });
      assert.deepEqual([answer.status, JSON.parse(answer.text).error.code], [status, code]);
      assert.equal((await send(socket, {})).status, 200);
    }));
}

test("A39 listenAdmin() takes SQL's own characters for a name like any other", () =>
  withServer(async (socket) => {
    const name = `x'; DROP TABLE keys; -- "%_\\`;
    const made = await send(socket, {
      method: "POST",
      path: "/api/keys",
      headers: json,
      body: JSON.stringify({ name }),
    });
    assert.equal(made.status, 200, made.text);
    const shown = await send(socket, { path: `/api/keys/${encodeURIComponent(name)}` });
    assert.equal(JSON.parse(shown.text).key.name, name);
    assert.equal((await send(socket, { path: "/api/keys/%27%20OR%201%3D1" })).status, 404);
  }));

test("listenAdmin() streams lines", () =>
  withServer(async (socket) => {
    const answer = await send(socket, { path: "/api/audit/export" });
    assert.equal(answer.headers["content-type"], "application/x-ndjson");
    assert.deepEqual([answer.text, answer.cut], ['{"seq":1}\n{"seq":2}\n{"seq":3}\n', false]);
  }));

test("listenAdmin() cuts a stream that fails in the middle, so that it does not look whole", () => {
  const lab = openLab();
  const { promise: arrived, resolve: firstLine } = Promise.withResolvers<void>();
  const audit = {
    ...lab.services.audit,
    async *export() {
      yield "{}";
      await arrived;
      throw new Error("disk");
    },
  };
  Object.assign(lab.services, { audit });
  return withServer(async (socket) => {
    const answer = await send(socket, { path: "/api/audit/export" }, firstLine);
    assert.deepEqual([answer.status, answer.text, answer.cut], [200, "{}\n", true]);
    assert.equal(lab.faults.length, 1);
  }, lab);
});

test("listenAdmin() answers an error when a stream cannot even begin", () => {
  const lab = openLab();
  // biome-ignore lint/correctness/useYield: it fails before its first line
  const failing = async function* (): AsyncIterable<string> {
    throw new Error("disk");
  };
  Object.assign(lab.services, { audit: { ...lab.services.audit, export: failing } });
  return withServer(async (socket) => {
    const answer = await send(socket, { path: "/api/audit/export" });
    assert.deepEqual([answer.status, JSON.parse(answer.text).error.code], [500, "internal_error"]);
  }, lab);
});

test("listenAdmin() takes the place of a dead daemon's socket and leaves nothing behind", async () => {
  const lab = openLab();
  try {
    writeFileSync(join(lab.home, "admin.sock"), "");
    const server = await lab.listen();
    assert.equal((await send(server.socket, {})).status, 200);
    await server.close();
    assert.deepEqual([existsSync(server.socket), existsSync(join(lab.home, "admin.json"))], [false, false]);
  } finally {
    await lab.close();
  }
});

test("listenAdmin() lets a running answer end when it closes", async () => {
  const lab = openLab();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const { promise: asked, resolve: begun } = Promise.withResolvers<void>();
  const { check } = lab.services.ledger;
  const waiting = () => {
    begun();
    return held.then(() => check());
  };
  Object.assign(lab.services, { ledger: { check: waiting } });
  try {
    const server = await lab.listen();
    const answer = send(server.socket, { path: "/api/ledger/check" });
    await asked;
    const closed = server.close();
    release();
    assert.equal((await answer).status, 200);
    await closed;
  } finally {
    await lab.close();
  }
});

test("prepareSocketPath() leaves a home whose path is too long for a socket", async () => {
  const lab = openLab();
  try {
    const runtime = join(lab.home, "run");
    const deep = join(lab.home, "d".repeat(60), "e".repeat(60));
    mkdirSync(deep, { recursive: true });
    const socket = prepareSocketPath(deep, { XDG_RUNTIME_DIR: runtime });
    assert.ok(socket.startsWith(join(runtime, "bifrost/")), socket);
    assert.ok(Buffer.byteLength(socket) <= socketPathBytesMax);
    assert.equal(statSync(join(runtime, "bifrost")).mode & 0o777, 0o700);
    assert.equal(prepareSocketPath(deep, { XDG_RUNTIME_DIR: runtime }), socket, "the same home, the same socket");
    const server = await listenAdmin({
      home: deep,
      version: "9.9.9",
      handle: lab.handle,
      environment: { XDG_RUNTIME_DIR: runtime },
      faultId: () => "",
      onFault: () => {},
    });
    assert.equal((await send(socket, {})).status, 200);
    await server.close();
  } finally {
    await lab.close();
  }
});

test("prepareSocketPath() refuses a directory that others can enter", async () => {
  const lab = openLab();
  try {
    const runtime = join(lab.home, "run");
    mkdirSync(join(runtime, "bifrost"), { recursive: true, mode: 0o755 });
    const deep = join(lab.home, "d".repeat(100));
    assert.throws(() => prepareSocketPath(deep, { XDG_RUNTIME_DIR: runtime }), /mode 0700/);
  } finally {
    await lab.close();
  }
});
