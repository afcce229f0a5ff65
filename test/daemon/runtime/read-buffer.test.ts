import assert from "node:assert/strict";
import { connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { readAccepted, readAsData, readInto, sharedReads } from "../../../daemon/runtime/read-buffer.ts";
import { until } from "../../support/until.ts";

async function listening(t: { after(end: () => void): void }, onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer(onSocket);
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

test("what was read stays as it was when more is read, on both ends", async (t) => {
  const accepted: Buffer[] = [];
  const port = await listening(t, (socket) => {
    assert.equal(
      readAccepted(socket, (bytes) => accepted.push(bytes)),
      true,
      "this version of node is known",
    );
    socket.on("data", () => assert.fail("bytes come one way"));
    socket.write("welcome");
  });
  const dialled: Buffer[] = [];
  const socket = connect({ port, host: "127.0.0.1", onread: sharedReads() } as never);
  t.after(() => socket.destroy());
  readInto(socket, (bytes) => dialled.push(bytes));
  socket.resume();
  const length = (pieces: readonly Buffer[]) => pieces.reduce((sum, piece) => sum + piece.length, 0);
  for (const letter of ["a", "b", "c"]) {
    const before = length(accepted);
    socket.write(letter.repeat(3_000));
    await until("the letters", () => length(accepted) === before + 3_000);
  }
  await until("the welcome", () => length(dialled) === 7);
  assert.equal(Buffer.concat(dialled).toString(), "welcome");
  assert.equal(Buffer.concat(accepted).toString(), "a".repeat(3_000) + "b".repeat(3_000) + "c".repeat(3_000));
});

test("readAsData() gives a socket back: bytes come as data, with pauses and an end", async (t) => {
  let ours = "";
  let data = "";
  let isEnded = false;
  let server: Socket | undefined;
  const port = await listening(t, (socket) => {
    server = socket;
    readAccepted(socket, (bytes) => {
      ours += bytes.toString();
      readAsData(socket);
      socket.on("data", (more) => (data += String(more)));
      socket.on("end", () => (isEnded = true));
    });
  });
  const socket = connect(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.write("first");
  await until("the first bytes", () => ours === "first");
  server!.pause();
  socket.write("x".repeat(5_000_000));
  await until("the kernel is full, or has it all", () => socket.writableLength === 0 || socket.writableNeedDrain);
  assert.equal(data, "");
  server!.resume();
  socket.end("y");
  await until("the end", () => isEnded);
  assert.equal(data.length, 5_000_001);
});
