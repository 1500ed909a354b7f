// Initialisation, devices and their contexts.

#include <cstdio>
#include <cstring>
#include <vector>

#include "driver.h"
#include "knobs.h"
#include "memory.h"
#include "stream.h"

namespace emulator {

namespace {

bool is_initialised = false;

std::vector<std::unique_ptr<Context>>& contexts()
{
    static std::vector<std::unique_ptr<Context>> all;
    return all;
}

template <class Body>
CUresult with_device(CUdevice device, Body body)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    if (!is_initialised) return fail(CUDA_ERROR_NOT_INITIALIZED);
    if (device < 0 || device >= knobs::devices()) return fail(CUDA_ERROR_INVALID_DEVICE);
    return body(*contexts()[device]);
}

void fill(Context& context)
{
    context.legacy = std::make_shared<Stream>(context, true);
    context.per_thread = std::make_shared<Stream>(context, true);
}

// The end of a context frees what it holds; what a program has not freed is told. (After a failure
// it could not.) A failure stays: to a process, a device that failed is lost.
void empty(Context& context)
{
    finish_all(context);
    const size_t bytes = context.used, count = free_all(context);
    if (count && !context.failure) {
        fprintf(stderr, "emulated CUDA: %zu allocations of %zu bytes were never freed\n", count, bytes);
    }
    context.streams.clear();
    context.events.clear();
    context.modules.clear();
    context.graphs.clear();
    context.executables.clear();
}

} // namespace

std::recursive_mutex& driver_lock()
{
    static std::recursive_mutex lock;
    return lock;
}

bool initialised() { return is_initialised; }

Context*& current_context()
{
    static thread_local Context* context = nullptr;
    return context;
}

EMULATOR_API CUresult cuInit(unsigned flags)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    if (flags) return fail(CUDA_ERROR_INVALID_VALUE, "cuInit: flags must be 0");
    if (knobs::devices() < 1) return fail(CUDA_ERROR_NO_DEVICE);
    for (int device = contexts().size(); device < knobs::devices(); ++device) {
        contexts().push_back(std::make_unique<Context>(device));
    }
    is_initialised = true;
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuDriverGetVersion(int* version)
{
    *version = knobs::driver();
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuDeviceGetCount(int* count)
{
    if (!is_initialised) return fail(CUDA_ERROR_NOT_INITIALIZED);
    *count = knobs::devices();
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuDeviceGet(CUdevice* device, int ordinal)
{
    return with_device(ordinal, [&](Context&) {
        *device = ordinal;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDeviceGetName(char* name, int length, CUdevice device)
{
    return with_device(device, [&](Context&) {
        snprintf(name, length, "Emulated CUDA device");
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDeviceGetUuid_v2(char* uuid, CUdevice device)
{
    return with_device(device, [&](Context&) {
        memcpy(uuid, "emulated device", 16);
        uuid[15] = static_cast<char>(device);
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device)
{
    return with_device(device, [&](Context&) {
        *bytes = knobs::memory();
        return CUDA_SUCCESS;
    });
}

namespace {

// CUdevice_attribute; what is not here is 0, which mostly means that it cannot be done.
int attribute(int number)
{
    switch (number) {
    case 1: return 1024;                      // threads of a block
    case 2: case 3: return 1024;              // the block's extents
    case 4: return 64;
    case 5: return 2147483647;                // the grid's extents
    case 6: case 7: return 65535;
    case 8: return 48 * 1024;                 // shared memory of a block
    case 9: return 64 * 1024;                 // constant memory
    case 10: return 32;                       // threads of a warp
    case 12: case 82: return 65536;           // registers of a block, of a multiprocessor
    case 13: case 36: return 1000000;         // clock rates
    case 16: return 4;                        // multiprocessors: few, so that grids are small
    case 31: return 1;                        // concurrent kernels
    case 37: return 64;                       // width of the memory bus
    case 38: return 4 << 20;                  // level 2 cache
    case 39: return 2048;                     // threads of a multiprocessor
    case 41: return 1;                        // unified addresses
    case 75: return knobs::capability() / 10;
    case 76: return knobs::capability() % 10;
    case 81: return 228 * 1024;               // shared memory of a multiprocessor
    case 97: return 227 * 1024;               // shared memory that a block may ask for
    case 106: return 32;                      // blocks of a multiprocessor
    case 115: return 1;                       // cuMemAllocAsync
    default: return 0;
    }
}

} // namespace

EMULATOR_API CUresult cuDeviceGetAttribute(int* value, int number, CUdevice device)
{
    return with_device(device, [&](Context&) {
        *value = attribute(number);
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDevicePrimaryCtxRetain(CUcontext* handle, CUdevice device)
{
    return with_device(device, [&](Context& context) {
        if (!context.references++) fill(context);
        *handle = &context;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    return with_device(device, [&](Context& context) {
        if (!context.references) return fail(CUDA_ERROR_INVALID_CONTEXT);
        if (!--context.references) empty(context);
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active)
{
    return with_device(device, [&](Context& context) {
        *flags = 0;
        *active = context.references > 0;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuCtxSetCurrent(CUcontext context)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    if (!is_initialised) return fail(CUDA_ERROR_NOT_INITIALIZED);
    for (const auto& known : contexts()) {
        if (context && known.get() == context && !context->references) break;
        if (context && known.get() != context) continue;
        current_context() = context;
        return CUDA_SUCCESS;
    }
    return fail(CUDA_ERROR_INVALID_CONTEXT);
}

EMULATOR_API CUresult cuCtxGetCurrent(CUcontext* context)
{
    if (!is_initialised) return fail(CUDA_ERROR_NOT_INITIALIZED);
    *context = current_context();
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuCtxGetDevice(CUdevice* device)
{
    return with_context([&](Context& context) {
        *device = context.device;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuCtxSetFlags(unsigned)
{
    return with_context([](Context&) { return CUDA_SUCCESS; });
}

} // namespace emulator
