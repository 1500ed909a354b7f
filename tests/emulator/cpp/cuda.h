// The part of CUDA's driver API that the emulator implements, with the names of NVIDIA's header
// (https://docs.nvidia.com/cuda/cuda-driver-api/), so that no CUDA is needed to compile it.

#pragma once

#include <cstddef>
#include <cstdint>

namespace emulator {
class Context;
class Stream;
class Event;
class Graph;
class Module;
class Function;
} // namespace emulator

using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = emulator::Context*;
using CUstream = emulator::Stream*;
using CUevent = emulator::Event*;
using CUgraph = emulator::Graph*;
using CUgraphExec = emulator::Graph*;
struct CUgraphEdgeData {
    unsigned char from_port, to_port, type, reserved[5];
};
using CUmodule = emulator::Module*;
using CUfunction = emulator::Function*;

// The only attribute of launches that is supported.
const int CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION = 6;
struct CUlaunchAttribute {
    int id;
    char padding[4];
    int value;
    char rest[60];
};
struct CUlaunchConfig {
    // Of the grid in x, y and z, of a block in x, y and z, and of its dynamic shared memory.
    struct {
        unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared;
    } extents;
    CUstream stream;
    const CUlaunchAttribute* attributes;
    unsigned attribute_count;
};

// Number, name and explanation of each result.
#define EMULATOR_RESULTS(X) \
    X(0, CUDA_SUCCESS, "no error") \
    X(1, CUDA_ERROR_INVALID_VALUE, "invalid argument") \
    X(2, CUDA_ERROR_OUT_OF_MEMORY, "out of memory") \
    X(3, CUDA_ERROR_NOT_INITIALIZED, "initialization error") \
    X(100, CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected") \
    X(101, CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal") \
    X(200, CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid") \
    X(201, CUDA_ERROR_INVALID_CONTEXT, "invalid device context") \
    X(209, CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device") \
    X(222, CUDA_ERROR_UNSUPPORTED_PTX_VERSION, \
        "the provided PTX was compiled with an unsupported toolchain.") \
    X(400, CUDA_ERROR_INVALID_HANDLE, "invalid resource handle") \
    X(401, CUDA_ERROR_ILLEGAL_STATE, \
        "the operation cannot be performed in the present state") \
    X(500, CUDA_ERROR_NOT_FOUND, "named symbol not found") \
    X(600, CUDA_ERROR_NOT_READY, "device not ready") \
    X(700, CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered") \
    X(716, CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address") \
    X(719, CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure") \
    X(801, CUDA_ERROR_NOT_SUPPORTED, "operation not supported") \
    X(900, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, \
        "operation not permitted when stream is capturing") \
    X(901, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, \
        "operation failed due to a previous error during capture") \
    X(902, CUDA_ERROR_STREAM_CAPTURE_MERGE, \
        "operation would result in a merge of separate capture sequences") \
    X(903, CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "capture was not ended in the same stream as it began") \
    X(904, CUDA_ERROR_STREAM_CAPTURE_UNJOINED, \
        "capturing stream has unjoined work") \
    X(905, CUDA_ERROR_STREAM_CAPTURE_ISOLATION, \
        "dependency created on uncaptured work in another stream") \
    X(906, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, \
        "operation would make the legacy stream depend on a capturing blocking stream") \
    X(907, CUDA_ERROR_CAPTURED_EVENT, \
        "operation not permitted on an event last recorded in a capturing stream") \
    X(908, CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, \
        "attempt to terminate a thread-local capture sequence from another thread")

enum CUresult : int {
#define EMULATOR_RESULT(number, name, explanation) name = number,
    EMULATOR_RESULTS(EMULATOR_RESULT)
#undef EMULATOR_RESULT
};

#define EMULATOR_API extern "C" __attribute__((visibility("default")))
