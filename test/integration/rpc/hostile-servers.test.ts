import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import { CliHost } from "../../support/scripted-daemon.ts";

/** Runs `banger vm ls` against a daemon that does with each connection, once it has asked, what a test says. */
async function againstServer(serve: (socket: Socket, id: string) => void, argv = ["vm", "ls"]) {
  await using host = new CliHost();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes: Buffer) => {
      serve(socket, (JSON.parse(String(bytes).split("\n")[0] ?? "") as { id: string }).id);
    });
  });
  server.listen(host.layout.daemonSocket);
  await once(server, "listening");
  const ended = await host.run(argv);
  server.close();
  return ended;
}

const line = (frame: object) => `${JSON.stringify(frame)}\n`;
const endless = (text: string) => (socket: Socket) => {
  const more = () => {
    while (!socket.destroyed && socket.write(text.repeat(200)));
  };
  socket.on("drain", more);
  more();
};

it.each<[string, (socket: Socket, id: string) => void, number, RegExp]>([
  ["closes at once", (socket) => void socket.destroy(), 69, /closed the connection/],
  ["sends 10 MB in one line", (socket) => void socket.write("x".repeat(10_000_000)), 70, /sent what can't be read/],
  ["sends what isn't JSON", (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"), 70, /not JSON/],
  ["sends no object", (socket) => void socket.write("[]\n"), 70, /not a JSON object/],
  ["answers nobody without end", endless(line({ id: "x", result: {} })), 70, /answer nothing/],
  ["tells nobody events without end", endless(line({ id: "x", event: "y" })), 70, /answer nothing/],
  ["sends frames of nothing", endless("{}\n"), 70, /answer nothing/],
  ["answers neither so nor so", (socket, id) => void socket.write(line({ id })), 70, /neither a result nor an error/],
  ["answers no object", (socket, id) => void socket.write(line({ id, result: null })), 70, /./],
  ["answers an error that is none", (socket, id) => void socket.write(line({ id, error: 7 })), 70, /no reason/],
  [
    "fails in colours",
    (socket, id) => void socket.write(line({ id, error: { code: "x\u001b[2J", message: "a\u001b[31mb\u0007" } })),
    70,
    /x: ab/,
  ],
  [
    "has an impossible exit code",
    (socket, id) => void socket.write(line({ id, error: { code: "busy", message: "m", details: { exit_code: 1.5 } } })),
    75,
    /m/,
  ],
  [
    "speaks of no request",
    (socket) => void socket.write(line({ id: null, error: { code: "not_owner", message: "go" } })),
    77,
    /go/,
  ],
  [
    "doesn't speak our version",
    (socket, id) => void socket.write(line({ id, error: { code: "bad_version", message: "no" } })),
    70,
    /no/,
  ],
])("a daemon that %s costs the CLI a line and a code", async (_, serve, code, text) => {
  const ended = await againstServer(serve);
  expect(ended).toMatchObject({ code, stdout: "" });
  expect(ended.stderr.split("\n")[0]).toMatch(text);
  expect(ended.stderr).toMatch(/^banger: /);
  // oxlint-disable-next-line no-control-regex
  expect(ended.stderr).not.toMatch(/\n\s+at |[\u0000-\u0009\u000b-\u001f]/);
  expect(ended.stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
});
