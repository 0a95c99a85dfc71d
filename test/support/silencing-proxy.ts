// Stands between daemon and helper and takes the helper's spans out of its answers: `node silencing-proxy.ts PATH BEHIND UID`.
import { chmodSync, chownSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { createInterface } from "node:readline";

const [path = "", behind = "", uid = ""] = process.argv.slice(2);
createServer((client) => {
  const helper = createConnection(behind);
  client.pipe(helper);
  createInterface({ input: helper }).on("line", (line) => {
    const { spans: _, ...frame } = JSON.parse(line) as Record<string, unknown>;
    client.write(`${JSON.stringify(frame)}\n`);
  });
  helper.on("close", () => client.destroy());
}).listen(path, () => {
  chownSync(path, Number(uid), Number(uid));
  chmodSync(path, 0o600);
  // The helper answers its owner only.
  process.setgid?.(Number(uid));
  process.setuid?.(Number(uid));
  process.stdout.write('{"message":"proxy ready"}\n');
});
