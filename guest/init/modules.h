#ifndef BANGER_MODULES_H
#define BANGER_MODULES_H

// Loads the kernel modules that a list names, one path a line, in that order, with the parameters that the kernel's command line
// has for them. Dies when one can't be loaded. Of the lists in `directory` it takes `modules`, or `modules-mmio` where the
// command line says that this machine's virtio devices are no PCI devices (`virtio_mmio.device=`).
void modules_load(const char *directory);

#endif
