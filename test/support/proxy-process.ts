/**
 * A forward proxy as companies have it, a process of its own: tunnels for CONNECT, forwards what comes with a whole URL.
 * Every host name leads to this machine. Prints its port, then a line of JSON for each request. `deny.test` is refused.
 */
import http from "node:http";
import net from "node:net";

const server = http.createServer((request, response) => {
  tell(request);
  const { port, pathname, search } = new URL(request.url ?? "");
  const forwarded = http.request(
    { host: "127.0.0.1", port, path: pathname + search, method: request.method, headers: request.headers },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    },
  );
  forwarded.on("error", () => response.destroy());
  request.pipe(forwarded);
});

server.on("connect", (request, socket, head) => {
  tell(request);
  socket.on("error", () => undefined);
  const { hostname, port } = new URL(`http://${request.url}`);
  if (hostname === "deny.test") {
    socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  const upstream = net.connect(Number(port), "127.0.0.1", () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.write(head);
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on("error", () => socket.destroy());
});

server.listen(0, "127.0.0.1", () => console.log((server.address() as net.AddressInfo).port));
process.stdin.on("end", () => process.exit(0)).resume();

function tell({ method, url, headers }: http.IncomingMessage): void {
  console.log(JSON.stringify({ method, url, authorization: headers["proxy-authorization"] }));
}
