// Device memory: an allocation of the host for each, under an address that the host cannot follow.

#pragma once

#include "driver.h"

namespace emulator {

// `bytes` of device memory at `address` as the host's; null if they are not within one allocation.
// Nothing (0 bytes) may lie at the end of an allocation.
char* host_memory(Context& context, CUdeviceptr address, size_t bytes);

// Whether something was written beside the allocation that holds the address.
bool overrun(CUdeviceptr address);

// Frees all that is left of a context's memory; the number of allocations.
size_t free_all(Context& context);

} // namespace emulator
