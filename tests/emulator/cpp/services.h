// Internal functions of the stand-in for libcuda that the one for libcublas uses.

#pragma once

#include <functional>

#include "cuda.h"

#define EMULATOR_SERVICE __attribute__((visibility("default")))

namespace emulator {

// Whether the calling thread has a context, and the driver is of this major version or newer.
EMULATOR_SERVICE bool service_ready(int major);

// Queues work on a stream of the calling thread's context, or adds it to the stream's capture.
EMULATOR_SERVICE CUresult service_submit(CUstream stream, std::function<CUresult()> work);

// For queued work: the host address of an operand, or null; then the work must return
// service_bad_operand().
EMULATOR_SERVICE char* service_memory(CUcontext context, CUdeviceptr address, size_t bytes);
EMULATOR_SERVICE CUresult service_bad_operand(const char* call, const char* operand, CUdeviceptr address);

EMULATOR_SERVICE CUcontext service_context();

// Waits for all work of a context, which is an error while a stream of it is captured.
EMULATOR_SERVICE CUresult service_synchronize(CUcontext context, const char* call);

} // namespace emulator
