import type { Sandbox } from "./sandbox.ts";

/** What a collector does with what it is sent. */
export type CollectorManner = "away" | "mute" | "refusing" | "accepting";

const answers: Record<Exclude<CollectorManner, "away">, string> = {
  mute: "",
  refusing: "response.writeHead(503).end();",
  accepting: 'response.setHeader("content-type", "application/json").end("{}");',
};

/** A collector on the sandbox's loopback, port 4318; one that is away is not there. */
export async function startCollector(
  sandbox: Sandbox,
  manner: CollectorManner,
): Promise<AsyncDisposable & { readonly manner: CollectorManner }> {
  if (manner === "away") return { manner, [Symbol.asyncDispose]: () => Promise.resolve() };
  const script = `require("node:http").createServer((request, response) => { request.resume(); ${answers[manner]} })
    .listen(4318, "127.0.0.1", () => console.log("listening"));
    process.stdin.resume().on("end", () => process.exit());`;
  const child = sandbox.spawn(["node", "-e", script]);
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("close", (code) => reject(new Error(`the collector ended with ${code}`)));
  });
  return {
    manner,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => {
        child.once("close", resolve);
      });
      child.stdin?.end();
      await closed;
    },
  };
}
