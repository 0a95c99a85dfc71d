// Runs comparisons with daemon and helper as the services that systemd runs, in a container. usage: scripts/bench --systemd [NAME...]
import { Installation } from "../test/support/installation.ts";
import { Services } from "../test/support/services.ts";

const host = await Installation.create({ systemd: true, guest: true });
try {
  await Services.install(host);
  await host.ok("network", "up");
  // The tap of the VM that is started by hand.
  await host.sandbox.root(`ip tuntap add dev hand0 mode tap user owner vnet_hdr
    ip link set dev hand0 master ${host.layout.bridge} up`);
  // For a journal of a hundred thousand records that come at once, none of which it may lose.
  await host.sandbox.root(`mkdir -p /run/systemd/journald.conf.d
    printf '[Journal]\\nRateLimitIntervalSec=0\\nRuntimeMaxUse=1G\\nSystemMaxUse=1G\\n' > /run/systemd/journald.conf.d/bench.conf
    systemctl restart systemd-journald`);
  // As the owner who may read it.
  const owner = ["setpriv", "--reuid=61000", "--regid=61000", "--groups=systemd-journal", "--inh-caps=-all", "--"];
  const { code, stdout, stderr } = await host.sandbox.run(
    [...owner, "node", "bench/main.ts", ...process.argv.slice(2)],
    {
      as: "root",
      env: { BANGER_CONFIG: host.config, BENCH_UNDER: "systemd" },
    },
  );
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = code ?? 1;
} finally {
  await host[Symbol.asyncDispose]();
}
