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
        "default": 1,
        "minimum": 1,
        "maximum": 64,
        "summary": "virtual CPUs"
      },
      {
        "name": "memory_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 512,
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
        "default": "nat",
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
        "name": "disk_kind",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "auto",
          "reflink",
          "qcow2",
          "copy"
        ],
        "summary": "how it comes from the image; auto, which is the default: reflink where the file system can, else qcow2"
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
    "summary": "Deletes a VM and its disk.",
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
        "summary": "kill it first when it runs"
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
    "summary": "Changes what a VM has, whether it runs or not.",
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
        "name": "disk_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "minimum": 64,
        "maximum": 16777216,
        "summary": "size of the root disk, which is only made larger"
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
        "default": 1,
        "minimum": 1,
        "maximum": 64,
        "summary": "virtual CPUs"
      },
      {
        "name": "memory_mib",
        "type": "integer",
        "many": false,
        "required": false,
        "default": 512,
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
        "default": "nat",
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
        "name": "disk_kind",
        "type": "string",
        "many": false,
        "required": false,
        "choices": [
          "auto",
          "reflink",
          "qcow2",
          "copy"
        ],
        "summary": "how it comes from the image; auto, which is the default: reflink where the file system can, else qcow2"
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
    "summary": "Hands over the caller's own finished spans, of operations that it asked for on this connection.",
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
  }
} as const satisfies Record<string, MethodSpec>;
