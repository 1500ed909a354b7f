// Device memory: backed by host memory, at addresses that the host cannot dereference.

#pragma once

#include "driver.h"

namespace emulator {

// The host address of `bytes` of device memory; null if they are not within one allocation. 0 bytes may
// be at the end of an allocation.
char* host_memory(Context& context, CUdeviceptr address, size_t bytes);

// Whether there was an out-of-bounds write next to the allocation that contains the address.
bool overrun(CUdeviceptr address);

// Frees all remaining memory of a context; returns the number of allocations.
size_t free_all(Context& context);

} // namespace emulator
