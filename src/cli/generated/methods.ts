// Made by scripts/generate.ts from src/rpc/contract, so that the CLI starts without zod. Do not edit.
import type { MethodSpec } from "../method-spec.ts";

/** The daemon's methods, as the command line needs to know them. */
export const methods = {
  "ping": {
    "name": "daemon.ping",
    "summary": "Says that the daemon answers, whether it reaches the helper, and how it runs guests.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "networkUp": {
    "name": "network.up",
    "summary": "Makes the bridge, NAT and the names of VMs; `vm start` does it by itself.",
    "traced": true,
    "begins": false,
    "params": []
  },
  "networkDown": {
    "name": "network.down",
    "summary": "Removes the bridge, NAT and the names of VMs; refused while a VM is on it.",
    "traced": true,
    "begins": false,
    "params": []
  },
  "kernelImport": {
    "name": "kernel.import",
    "summary": "Takes a Debian kernel package (or a kernel and its modules) and makes the initrd for it.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "source",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "a .deb, a kernel file, or the name of a Debian package to download"
      },
      {
        "name": "modules",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the directory with the modules of a kernel file (lib/modules/<release>); none where its drivers are built in"
      },
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "what to call it; its release by default"
      },
      {
        "name": "default",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "take it from now on where none is named"
      }
    ]
  },
  "kernelList": {
    "name": "kernel.list",
    "summary": "Lists the kernels.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "kernelShow": {
    "name": "kernel.show",
    "summary": "Shows one kernel.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "kernel",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "kernelDefault": {
    "name": "kernel.default",
    "summary": "Makes a kernel the one that a VM is made of when none is named.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "kernel",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "kernelRemove": {
    "name": "kernel.remove",
    "summary": "Removes a kernel that no VM uses.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "kernel",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "imageBuild": {
    "name": "image.build",
    "summary": "Makes an image of a distribution from its packages, as the owner and without root.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "recipe",
        "type": "string",
        "many": false,
        "required": true,
        "choices": [
          "debian"
        ],
        "summary": "the distribution"
      },
      {
        "name": "suite",
        "type": "string",
        "many": false,
        "required": false,
        "default": "bookworm",
        "summary": "the distribution's release"
      },
      {
        "name": "packages",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "a package to add (may be repeated)"
      },
      {
        "name": "size_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 1048576,
        "summary": "the file system's size; by default 20G; what unpacks to more needs it"
      },
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "what to call it; the suite by default"
      },
      {
        "name": "default",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "take it from now on where none is named"
      }
    ]
  },
  "imageImport": {
    "name": "image.import",
    "summary": "Takes a tar archive of a root file system, an ext4 file system, or a raw or qcow2 disk that has one.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "source",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "the tar (plain or compressed: gz, xz, bz2, zst, lz4), ext4, raw or qcow2 file"
      },
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "what to call it; by default as the file, without its endings"
      },
      {
        "name": "size_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 1048576,
        "summary": "the file system's size; by default 20G; what unpacks to more needs it"
      },
      {
        "name": "default",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "take it from now on where none is named"
      },
      {
        "name": "partition",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 1,
        "maximum": 1024,
        "summary": "of a disk, the partition that is the root; found by default"
      }
    ]
  },
  "imageList": {
    "name": "image.list",
    "summary": "Lists the images.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "imageShow": {
    "name": "image.show",
    "summary": "Shows one image.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "image",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "imageDefault": {
    "name": "image.default",
    "summary": "Makes an image the one that a VM is made of when none is named.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "image",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "imageRemove": {
    "name": "image.remove",
    "summary": "Removes an image that no VM uses.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "image",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "vmCreate": {
    "name": "vm.create",
    "summary": "Makes a VM from an image and a kernel, with a root disk and an address of its own.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "what to call it, 1 to 32 of a-z, 0-9 and -; a new name by default"
      },
      {
        "name": "image",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the image; the one that `image default` names, by default"
      },
      {
        "name": "kernel",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the kernel; the one that `kernel default` names, by default"
      },
      {
        "name": "cpus",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 1,
        "minimum": 1,
        "maximum": 64,
        "summary": "virtual CPUs"
      },
      {
        "name": "memory_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 512,
        "minimum": 64,
        "maximum": 1048576,
        "summary": "memory"
      },
      {
        "name": "disk_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "size of the root disk; 20G, or what the image has when that is more"
      },
      {
        "name": "network",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "nat",
        "choices": [
          "nat",
          "isolated",
          "none"
        ],
        "summary": "what the guest's network reaches: what the host does (nat), the host alone (isolated), or none"
      },
      {
        "name": "label",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "KEY=VALUE to know it by (may be repeated)"
      },
      {
        "name": "volume",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "NAME:/PATH[:SIZE], a volume and where it is mounted; made where there is none of this name, and a new one is filled with what the image has there (may be repeated)"
      },
      {
        "name": "work_disk_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "size of a disk of its own for /home, called as the VM; `vm delete --keep-work` keeps it"
      },
      {
        "name": "disk_kind",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "auto",
          "reflink",
          "qcow2",
          "dm-snapshot",
          "copy"
        ],
        "summary": "how it comes from the image; auto, which is the default: reflink where the file system can, else qcow2, which needs nothing of the host; dm-snapshot and copy are made where they are asked for"
      },
      {
        "name": "vmm",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "auto",
        "choices": [
          "auto",
          "qemu",
          "firecracker"
        ],
        "summary": "what runs it; auto: Firecracker where it and KVM can be used, else QEMU"
      },
      {
        "name": "accel",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "auto",
        "choices": [
          "auto",
          "kvm",
          "tcg"
        ],
        "summary": "how its instructions are run; auto: by KVM where that can be used"
      },
      {
        "name": "ttl_s",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 0,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "stop it so long after its start; 0: never"
      },
      {
        "name": "idle_s",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 0,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "stop it when nobody has used it for so long; 0: never"
      },
      {
        "name": "autostart",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "start it with the daemon, once after each boot of the host"
      },
      {
        "name": "on_reboot",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "restart",
        "choices": [
          "restart",
          "stop"
        ],
        "summary": "when its guest reboots: start it again, or leave it stopped"
      }
    ]
  },
  "vmStart": {
    "name": "vm.start",
    "summary": "Boots a VM and answers when a command runs in it.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "overcommit",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "start it although the host has too little memory for it"
      },
      {
        "name": "wait",
        "type": "string",
        "many": false,
        "required": false,
        "default": "ready",
        "choices": [
          "ready",
          "booted",
          "ssh"
        ],
        "summary": "answer when a command runs, its init is done, or ssh greets"
      },
      {
        "name": "wait_timeout_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 120,
        "minimum": 0,
        "maximum": 86400,
        "summary": "how long to wait for more than a command; the VM runs on then"
      }
    ]
  },
  "vmStop": {
    "name": "vm.stop",
    "summary": "Shuts a VM down in order; kills it when that takes too long.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "timeout_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 30,
        "minimum": 0,
        "maximum": 3600,
        "summary": "how long the guest has to shut down by itself, its power button pressed in the last third; then it is killed"
      },
      {
        "name": "asked_by",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "owner",
          "unit"
        ],
        "summary": "for whom, by default the owner; `unit`: systemd ends the VM's unit, as when the host shuts down, which its exit then says"
      }
    ]
  },
  "vmRestart": {
    "name": "vm.restart",
    "summary": "Stops a VM as `vm stop` does and boots it; one that doesn't run is started.",
    "traced": true,
    "begins": true,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "timeout_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 30,
        "minimum": 0,
        "maximum": 3600,
        "summary": "how long the guest has to shut down by itself, its power button pressed in the last third; then it is killed"
      },
      {
        "name": "overcommit",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "start it although the host has too little memory for it"
      }
    ]
  },
  "vmPause": {
    "name": "vm.pause",
    "summary": "Halts a VM's guest, which keeps its memory, until it is resumed.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "vmResume": {
    "name": "vm.resume",
    "summary": "Lets a paused VM's guest go on, and sets its clock.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "vmWait": {
    "name": "vm.wait",
    "summary": "Waits until a VM is ready, booted, reached by ssh or stopped; fails when that can't come true any more.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "for",
        "type": "string",
        "many": false,
        "required": false,
        "default": "ready",
        "choices": [
          "ready",
          "booted",
          "ssh",
          "stopped"
        ],
        "summary": "a command runs in it, its init is done, its ssh server greets, or it has stopped"
      },
      {
        "name": "timeout_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 120,
        "minimum": 0,
        "maximum": 86400,
        "summary": "how long to wait"
      }
    ]
  },
  "vmKill": {
    "name": "vm.kill",
    "summary": "Ends a VM at once, as pulling the plug would.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "vmDelete": {
    "name": "vm.delete",
    "summary": "Deletes a VM and its disk; volumes stay, its work disk does when it is asked for.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "force",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "end it first when it runs: it is killed, or shut down where it has volumes that stay"
      },
      {
        "name": "keep_work",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "keep the work disk, which is a volume from then on"
      }
    ]
  },
  "vmRename": {
    "name": "vm.rename",
    "summary": "Gives a VM another name, also while it runs; its guest takes it for its host name at its next start.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "what to call it"
      }
    ]
  },
  "vmPrune": {
    "name": "vm.prune",
    "summary": "Deletes the VMs that don't run and aren't used any more, all in one operation.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "older_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 0,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "only those that nobody has used for so long"
      },
      {
        "name": "label",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "only those with this label, KEY or KEY=VALUE (may be repeated: all are required)"
      },
      {
        "name": "only",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "of these, only the ones with this id (may be repeated)"
      },
      {
        "name": "keep_work",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "keep the work disk, which is a volume from then on"
      },
      {
        "name": "dry_run",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "say what would be deleted, and delete nothing"
      },
      {
        "name": "force",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "don't ask first"
      }
    ]
  },
  "vmSet": {
    "name": "vm.set",
    "summary": "Changes what a VM has, at once where it can while it runs, else from its next start on.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "cpus",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 1,
        "maximum": 64,
        "summary": "virtual CPUs"
      },
      {
        "name": "memory_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 1048576,
        "summary": "memory"
      },
      {
        "name": "disk_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "size of the root disk, which is only made larger"
      },
      {
        "name": "network",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "nat",
          "isolated",
          "none"
        ],
        "summary": "what the guest's network reaches: what the host does (nat), the host alone (isolated), or none"
      },
      {
        "name": "vmm",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "auto",
          "qemu",
          "firecracker"
        ],
        "summary": "what runs it, from its next start on"
      },
      {
        "name": "accel",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "auto",
          "kvm",
          "tcg"
        ],
        "summary": "how its instructions are run, from its next start on"
      },
      {
        "name": "label",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "KEY=VALUE to write on it (may be repeated)"
      },
      {
        "name": "unlabel",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "KEY of a label to take off (may be repeated)"
      },
      {
        "name": "ttl_s",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "stop it so long after its start; 0: never"
      },
      {
        "name": "idle_s",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "stop it when nobody has used it for so long; 0: never"
      },
      {
        "name": "autostart",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "start it with the daemon, once after each boot of the host"
      },
      {
        "name": "on_reboot",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "restart",
          "stop"
        ],
        "summary": "when its guest reboots: start it again, or leave it stopped"
      },
      {
        "name": "volume",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "NAME:/PATH[:SIZE], a volume for a VM that doesn't run, as for `vm create` (may be repeated)"
      },
      {
        "name": "no_volume",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "a volume to take from a VM that doesn't run; the volume stays (may be repeated)"
      }
    ]
  },
  "vmList": {
    "name": "vm.list",
    "summary": "Lists the VMs.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "watch",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "go on, and show each change, until Ctrl-C"
      },
      {
        "name": "label",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "only those with this label, KEY or KEY=VALUE (may be repeated: all are required)"
      },
      {
        "name": "state",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "only those in this state, like `running` (may be repeated: any of them)"
      }
    ]
  },
  "vmShow": {
    "name": "vm.show",
    "summary": "Shows one VM.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "vmmList": {
    "name": "vmm.list",
    "summary": "Lists the VMMs of this host, and says which of them runs a VM for which none is named.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "vmStats": {
    "name": "vm.stats",
    "summary": "Says what VMs use: CPU, memory, disk, network.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "name, id or a unique prefix; all that run, by default"
      },
      {
        "name": "watch",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "go on, and show it again each time, until Ctrl-C; on a terminal so by default"
      },
      {
        "name": "interval_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 2,
        "minimum": 1,
        "maximum": 3600,
        "summary": "how often, with --watch"
      }
    ]
  },
  "vmPorts": {
    "name": "vm.ports",
    "summary": "Lists the ports on which a VM's guest listens.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "volumeCreate": {
    "name": "volume.create",
    "summary": "Makes a volume: a disk with an empty file system, which VMs have one after the other.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "what to call it"
      },
      {
        "name": "size_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 20480,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "its size; it takes space on the host as it is written"
      }
    ]
  },
  "volumeList": {
    "name": "volume.list",
    "summary": "Lists the volumes, and which VM has them.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "volumeShow": {
    "name": "volume.show",
    "summary": "Shows one volume.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "volume",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "volumeSet": {
    "name": "volume.set",
    "summary": "Makes a volume larger, while no VM runs with it; its file system grows at the next start.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "volume",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "size_mib",
        "type": "integer",
        "many": false,
        "required": true,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "its size, which is only made larger"
      }
    ]
  },
  "volumeRemove": {
    "name": "volume.remove",
    "summary": "Removes a volume that no VM has, with all that is on it.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "volume",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      }
    ]
  },
  "vmExec": {
    "name": "vm.exec",
    "summary": "Runs a command in a VM, without ssh.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "argv",
        "type": "string",
        "many": true,
        "required": true,
        "summary": "the command and its arguments"
      },
      {
        "name": "env",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "NAME=value in its environment, or NAME for the caller's own value (may be repeated)"
      },
      {
        "name": "cwd",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "its working directory; the user's home by default"
      },
      {
        "name": "user",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the user it runs as; root by default"
      },
      {
        "name": "stdin",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "pass standard input"
      },
      {
        "name": "tty",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "give it a terminal; with -i what is typed goes there, Ctrl-C too"
      },
      {
        "name": "size",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the terminal's columns and rows; those of the caller's, or 80x24"
      }
    ]
  },
  "vmRun": {
    "name": "vm.run",
    "summary": "Makes a VM, starts it and runs a command or a shell in it; the exit code is the command's. The VM runs on, unless --rm.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "name",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "what to call it, 1 to 32 of a-z, 0-9 and -; a new name by default"
      },
      {
        "name": "image",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the image; the one that `image default` names, by default"
      },
      {
        "name": "kernel",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the kernel; the one that `kernel default` names, by default"
      },
      {
        "name": "cpus",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 1,
        "minimum": 1,
        "maximum": 64,
        "summary": "virtual CPUs"
      },
      {
        "name": "memory_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 512,
        "minimum": 64,
        "maximum": 1048576,
        "summary": "memory"
      },
      {
        "name": "disk_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "size of the root disk; 20G, or what the image has when that is more"
      },
      {
        "name": "network",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "nat",
        "choices": [
          "nat",
          "isolated",
          "none"
        ],
        "summary": "what the guest's network reaches: what the host does (nat), the host alone (isolated), or none"
      },
      {
        "name": "label",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "KEY=VALUE to know it by (may be repeated)"
      },
      {
        "name": "volume",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "NAME:/PATH[:SIZE], a volume and where it is mounted; made where there is none of this name, and a new one is filled with what the image has there (may be repeated)"
      },
      {
        "name": "work_disk_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "size of a disk of its own for /home, called as the VM; `vm delete --keep-work` keeps it"
      },
      {
        "name": "disk_kind",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "auto",
          "reflink",
          "qcow2",
          "dm-snapshot",
          "copy"
        ],
        "summary": "how it comes from the image; auto, which is the default: reflink where the file system can, else qcow2, which needs nothing of the host; dm-snapshot and copy are made where they are asked for"
      },
      {
        "name": "vmm",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "auto",
        "choices": [
          "auto",
          "qemu",
          "firecracker"
        ],
        "summary": "what runs it; auto: Firecracker where it and KVM can be used, else QEMU"
      },
      {
        "name": "accel",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "auto",
        "choices": [
          "auto",
          "kvm",
          "tcg"
        ],
        "summary": "how its instructions are run; auto: by KVM where that can be used"
      },
      {
        "name": "ttl_s",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 0,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "stop it so long after its start; 0: never"
      },
      {
        "name": "idle_s",
        "type": "integer",
        "many": false,
        "required": false,
        "usual": 0,
        "minimum": 0,
        "maximum": 315360000,
        "summary": "stop it when nobody has used it for so long; 0: never"
      },
      {
        "name": "autostart",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "start it with the daemon, once after each boot of the host"
      },
      {
        "name": "on_reboot",
        "type": "string",
        "many": false,
        "required": false,
        "usual": "restart",
        "choices": [
          "restart",
          "stop"
        ],
        "summary": "when its guest reboots: start it again, or leave it stopped"
      },
      {
        "name": "overcommit",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "start it although the host has too little memory for it"
      },
      {
        "name": "argv",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "the command and its arguments; a shell by default"
      },
      {
        "name": "env",
        "type": "string",
        "many": true,
        "required": false,
        "default": [],
        "summary": "NAME=value in its environment, or NAME for the caller's own value (may be repeated)"
      },
      {
        "name": "cwd",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "its working directory; the user's home by default"
      },
      {
        "name": "user",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the user it runs as; root by default"
      },
      {
        "name": "stdin",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "pass standard input"
      },
      {
        "name": "rm",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "delete the VM when the command ends, however it does, or nobody waits for it any more"
      }
    ]
  },
  "vmCopy": {
    "name": "vm.copy",
    "summary": "Copies files and directories between here and a guest.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "source",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "what is copied: VM:PATH in a guest, a path here, or - for standard input"
      },
      {
        "name": "destination",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "where to: a directory that is there, or a new name; - for standard output"
      },
      {
        "name": "user",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the guest's user who reads, or to whom it belongs there; root by default"
      }
    ]
  },
  "vmLogs": {
    "name": "vm.logs",
    "summary": "Reads a VM's serial console.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "follow",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "go on as it grows, until cancelled"
      }
    ]
  },
  "vmConsole": {
    "name": "vm.console",
    "summary": "Attaches to a VM's serial console: shows what it printed and prints, and types on it.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "lines",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 40,
        "minimum": 0,
        "maximum": 10000,
        "summary": "how many lines of what was printed before are shown first"
      },
      {
        "name": "read_only",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "type nothing"
      },
      {
        "name": "escape",
        "type": "string",
        "many": false,
        "required": false,
        "summary": "the key that leaves it, ^A to ^_, or none; ^] by default"
      }
    ]
  },
  "vmSsh": {
    "name": "vm.ssh",
    "summary": "Reaches a VM by ssh: waits for its ssh server, whose key is known beforehand.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "vm",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "name, id or a unique prefix"
      },
      {
        "name": "hold",
        "type": "boolean",
        "many": false,
        "required": false,
        "summary": "the VM is in use until the request's input ends"
      },
      {
        "name": "timeout_s",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 120,
        "minimum": 0,
        "maximum": 600,
        "summary": "how long to wait for the ssh server"
      }
    ]
  },
  "operationList": {
    "name": "operation.list",
    "summary": "Lists the last operations that changed something, newest first.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "limit",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 20,
        "minimum": 1,
        "maximum": 200,
        "summary": "how many"
      }
    ]
  },
  "operationStatus": {
    "name": "operation.status",
    "summary": "Shows one operation: its steps, and what came of it.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "op_id",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "an op_id, at least 4 digits of one, or `last`: the last that you began"
      }
    ]
  },
  "operationWait": {
    "name": "operation.wait",
    "summary": "Follows an operation until it has ended, and gives what it came to. Leaving ends only the waiting.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "op_id",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "an op_id, at least 4 digits of one, or `last`: the last that you began"
      },
      {
        "name": "from",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 0,
        "minimum": 0,
        "maximum": 1000000000,
        "summary": "the number of the first event that is told; all by default"
      }
    ]
  },
  "operationCancel": {
    "name": "operation.cancel",
    "summary": "Cancels an operation: it answers at once, what was begun is then undone.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "op_id",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "an op_id, at least 4 digits of one, or `last`: the last that you began"
      }
    ]
  },
  "traceList": {
    "name": "trace.list",
    "summary": "Lists the last operations, newest first.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "limit",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 20,
        "minimum": 1,
        "maximum": 200,
        "summary": "how many"
      }
    ]
  },
  "traceShow": {
    "name": "trace.show",
    "summary": "Shows one operation's spans as a waterfall.",
    "traced": false,
    "begins": false,
    "params": [
      {
        "name": "operation",
        "type": "string",
        "many": false,
        "required": true,
        "summary": "an op_id, at least 4 digits of one, or `last`"
      }
    ]
  },
  "traceSubmit": {
    "name": "trace.submit",
    "summary": "Hands over the caller's own finished spans and what it logged, of operations that it asked for on this connection, or that no daemon knows.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "configShow": {
    "name": "config.show",
    "summary": "Shows what VMs are made with when nobody says otherwise, and where each value comes from.",
    "traced": false,
    "begins": false,
    "params": []
  },
  "systemDoctor": {
    "name": "system.doctor",
    "summary": "Looks at everything that VMs need of this host, and says what to do about what is wrong.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "fix",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "put right what can be without a risk, and say what was done"
      }
    ]
  },
  "systemReconcile": {
    "name": "system.reconcile",
    "summary": "Compares the records of VMs, images and kernels with what runs, is held and lies on this host, and makes both true; network and volumes are `doctor`'s.",
    "traced": true,
    "begins": false,
    "params": [
      {
        "name": "dry_run",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "say what would be done, and do nothing"
      },
      {
        "name": "remove_unowned",
        "type": "boolean",
        "many": false,
        "required": false,
        "default": false,
        "summary": "end and remove also what no record owns: VMs that run, disks, images and kernels, with all that they hold"
      }
    ]
  }
} as const satisfies Record<string, MethodSpec>;
