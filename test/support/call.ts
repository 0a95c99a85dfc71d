// Asks one method of a socket and prints the answer's frame: `node call.ts SOCKET METHOD PARAMS [op_id]`.
import { createConnection } from "node:net";
import { createInterface } from "node:readline";

const [path = "", method = "", params = "{}", opId] = process.argv.slice(2);
const socket = createConnection(path);
socket.write(
  `${JSON.stringify({ v: 1, id: "1", method, params: JSON.parse(params) as unknown, ...(opId === undefined ? {} : { op_id: opId }) })}\n`,
);
for await (const line of createInterface({ input: socket })) {
  process.stdout.write(`${line}\n`);
  const frame = JSON.parse(line) as { event?: string };
  if (frame.event === undefined) socket.end();
}
