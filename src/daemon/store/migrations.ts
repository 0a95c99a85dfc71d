/** The schema, one entry for each version; an entry that was released never changes. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE kernels (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, release TEXT NOT NULL, size INTEGER NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE images (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, source TEXT NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE vms (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    image_id TEXT NOT NULL REFERENCES images ON DELETE RESTRICT,
    kernel_id TEXT NOT NULL REFERENCES kernels ON DELETE RESTRICT,
    cpus INTEGER NOT NULL, memory_mib INTEGER NOT NULL, disk_mib INTEGER NOT NULL,
    address TEXT NOT NULL UNIQUE, mac TEXT NOT NULL UNIQUE,
    accel TEXT, pid INTEGER, generation INTEGER NOT NULL,
    created_at TEXT NOT NULL, started_at TEXT, last_used_at TEXT NOT NULL,
    error TEXT
  ) STRICT;
  CREATE INDEX vms_by_image ON vms (image_id);
  CREATE INDEX vms_by_kernel ON vms (kernel_id);
  CREATE TABLE debts (
    vm_id TEXT NOT NULL, kind TEXT NOT NULL, generation INTEGER NOT NULL, created_at TEXT NOT NULL,
    PRIMARY KEY (vm_id, kind)
  ) STRICT;
  CREATE TABLE operations (
    trace_id TEXT PRIMARY KEY, name TEXT NOT NULL, started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL,
    status TEXT NOT NULL, spans INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX operations_by_start ON operations (started_ns);
  CREATE TABLE spans (
    trace_id TEXT NOT NULL REFERENCES operations ON DELETE CASCADE, seq INTEGER NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (trace_id, seq)
  ) STRICT, WITHOUT ROWID;
  `,
  // What a VM was run with and how that ended; who asked for an operation and what came of it. What a VM holds is found by
  // comparing (the helper's facts), so there are no debts to keep any more.
  `
  ALTER TABLE kernels ADD COLUMN least_memory_mib INTEGER;
  ALTER TABLE vms ADD COLUMN vmm TEXT NOT NULL DEFAULT 'qemu';
  ALTER TABLE vms ADD COLUMN accel_why TEXT;
  ALTER TABLE vms ADD COLUMN boot_id TEXT;
  ALTER TABLE vms ADD COLUMN started_by TEXT;
  ALTER TABLE vms ADD COLUMN stop_by TEXT;
  ALTER TABLE vms ADD COLUMN exit TEXT;
  DROP TABLE debts;
  ALTER TABLE operations ADD COLUMN kind TEXT NOT NULL DEFAULT 'other';
  ALTER TABLE operations ADD COLUMN caller_uid INTEGER;
  ALTER TABLE operations ADD COLUMN caller_pid INTEGER;
  ALTER TABLE operations ADD COLUMN outcome TEXT;
  ALTER TABLE operations ADD COLUMN error TEXT;
  ALTER TABLE operations ADD COLUMN boot_id TEXT;
  `,
  // Which image and which kernel a VM is made of when none is named: what was the newest until now, and stays it.
  `
  ALTER TABLE kernels ADD COLUMN is_default INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE images ADD COLUMN is_default INTEGER NOT NULL DEFAULT 0;
  UPDATE kernels SET is_default = 1 WHERE id = (SELECT id FROM kernels ORDER BY created_at DESC, id LIMIT 1);
  UPDATE images SET is_default = 1 WHERE id = (SELECT id FROM images ORDER BY created_at DESC, id LIMIT 1);
  `,
  // What is asked of a VM beyond its size; operations that are asked about later.
  `
  ALTER TABLE vms ADD COLUMN labels TEXT NOT NULL DEFAULT '{}';
  ALTER TABLE vms ADD COLUMN network TEXT NOT NULL DEFAULT 'nat';
  ALTER TABLE vms ADD COLUMN disk_kind TEXT NOT NULL DEFAULT 'qcow2';
  ALTER TABLE vms ADD COLUMN disk_why TEXT;
  ALTER TABLE vms ADD COLUMN remove_at_end INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE operations ADD COLUMN asked TEXT;
  ALTER TABLE operations ADD COLUMN result TEXT;
  ALTER TABLE operations ADD COLUMN subject TEXT;
  ALTER TABLE operations ADD COLUMN found TEXT;
  `,
  // How long a VM runs, what it does when its host or its guest comes back, what waits for its next start; disks that outlive it.
  `
  ALTER TABLE vms ADD COLUMN ttl_s INTEGER;
  ALTER TABLE vms ADD COLUMN idle_s INTEGER;
  ALTER TABLE vms ADD COLUMN autostart INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE vms ADD COLUMN on_reboot TEXT NOT NULL DEFAULT 'restart';
  ALTER TABLE vms ADD COLUMN stopped_for TEXT;
  ALTER TABLE vms ADD COLUMN waits TEXT NOT NULL DEFAULT '{}';
  CREATE TABLE volumes (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, size_mib INTEGER NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE volume_uses (
    vm_id TEXT NOT NULL REFERENCES vms ON DELETE CASCADE,
    volume_id TEXT NOT NULL UNIQUE REFERENCES volumes ON DELETE RESTRICT,
    path TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (vm_id, path)
  ) STRICT;
  `,
  // Which database this is: what lies beside it says the same, or it was exchanged.
  `
  CREATE TABLE marks (mark TEXT NOT NULL, before TEXT) STRICT;
  `,
  // Which VMM a VM is to have, and why it has the one that it has. One that was made before there was a choice stays with what it knows.
  `
  ALTER TABLE vms ADD COLUMN vmm_wanted TEXT NOT NULL DEFAULT 'auto';
  ALTER TABLE vms ADD COLUMN accel_wanted TEXT NOT NULL DEFAULT 'auto';
  ALTER TABLE vms ADD COLUMN vmm_why TEXT;
  UPDATE vms SET vmm_wanted = 'qemu', vmm_why = 'it was made before there was a choice';
  `,
];
