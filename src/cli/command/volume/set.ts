import { command } from "../../command.ts";

/** `volume set`. */
export const volumeSet = command({
  noun: "volume",
  verb: "set",
  method: "volumeSet",
  positionals: ["volume"],
  examples: ["banger volume set data --size 200G"],
  run: async ({ call, print, note, json }, params) => {
    const volume = await call("volumeSet", params);
    if (json) await print(volume, () => "");
    else if (volume.unchanged === true) note(`${volume.name} has ${volume.size_mib} MiB already`);
    else note(`${volume.name} has ${volume.size_mib} MiB; its file system grows when a VM is started with it`);
  },
});
