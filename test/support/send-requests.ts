// Sends random requests to a helper, a few at a time, over connections that are made anew when the helper ends one.
//   node send-requests.ts SOCKET SEED COUNT    prints how often each code was answered, also to each method, as JSON
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { randomRequest, seeded } from "./helper-requests.ts";

const [path = "", seed = "1", count = "0"] = process.argv.slice(2);
const lanes = 8;
const answerWithinMs = 30_000;
const codes: Record<string, number> = {};
const random = seeded(Number(seed));
let sent = 0;

const note = (code: string) => {
  codes[code] = (codes[code] ?? 0) + 1;
};

/** One request after the other; `false`: the connection ended. */
function lane(): Promise<void> {
  return new Promise((resolve, reject) => {
    let asked = "";
    let socket: Socket;
    let timer: NodeJS.Timeout;
    const next = () => {
      clearTimeout(timer);
      if (sent >= Number(count)) return void socket.destroy();
      asked = randomRequest(random, ++sent);
      timer = setTimeout(() => reject(new Error(`no answer to ${asked}`)), answerWithinMs);
      socket.write(`${asked}\n`);
    };
    const connect = () => {
      socket = createConnection(path, next);
      socket.once("error", () => undefined);
      createInterface({ input: socket })
        .on("line", (line) => {
          const { error } = JSON.parse(line) as { error?: { code: string; message: string } };
          note(error?.code ?? "ok");
          note(`${methodOf(asked)} ${error?.code ?? "ok"}`);
          if (error?.code === "internal") note(`internal: ${error.message.replace(/ \(op-.*/, "").slice(0, 200)}`);
          next();
        })
        .on("error", () => undefined);
      socket.once("close", () => {
        clearTimeout(timer);
        if (sent >= Number(count)) return resolve();
        note("closed");
        setTimeout(connect, 1);
      });
    };
    connect();
  });
}

/** What a line asks for; one that is spoilt asks for nothing. */
function methodOf(line: string): string {
  return /"method":"([a-z.]+)"/.exec(line)?.[1] ?? "nothing";
}

await Promise.all(Array.from({ length: lanes }, lane));
console.log(JSON.stringify(codes));
