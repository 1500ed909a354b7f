// Internal functions of the stand-in for libcuda that those for libcublas and libnccl use.

#pragma once

#include <functional>
#include <string>

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

// The error of queued work; the text appears in messages.
EMULATOR_SERVICE CUresult service_fail(CUresult code, const std::string& text);

EMULATOR_SERVICE CUcontext service_context();
EMULATOR_SERVICE CUdevice service_device(CUcontext context);

// The error of a call that is illegal while this thread captures, or that needs a context.
EMULATOR_SERVICE CUresult service_check_unsafe(const char* call);

// Waits for all work of a context, which is an error while a stream of it is captured.
EMULATOR_SERVICE CUresult service_synchronize(CUcontext context, const char* call);

} // namespace emulator
