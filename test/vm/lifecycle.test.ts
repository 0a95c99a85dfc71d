import { columns, drivers } from "./lifecycle-suite/columns.ts";
import { guestEnds } from "./lifecycle-suite/guest-ends.ts";
import { vmLifecycle } from "./lifecycle-suite/vm-lifecycle.ts";

for (const column of columns) vmLifecycle(column);
for (const column of drivers) guestEnds(column);
