// Initialization, devices and their contexts.

#include <cstdio>
#include <vector>

#include "driver.h"
#include "environment.h"
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
    if (device < 0 || device >= environment::devices()) return fail(CUDA_ERROR_INVALID_DEVICE);
    return body(*contexts()[device]);
}

// The end of a context frees its memory, and reports leaks. (After a failure the program could not
// free.) Failures are permanent: a failed device is unusable for the rest of the process.
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
    if (environment::devices() < 1) return fail(CUDA_ERROR_NO_DEVICE);
    for (int device = contexts().size(); device < environment::devices(); ++device) {
        contexts().push_back(std::make_unique<Context>(device));
    }
    is_initialised = true;
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuDriverGetVersion(int* version)
{
    *version = environment::driver();
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuDeviceGetCount(int* count)
{
    if (!is_initialised) return fail(CUDA_ERROR_NOT_INITIALIZED);
    *count = environment::devices();
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

EMULATOR_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device)
{
    return with_device(device, [&](Context&) {
        *bytes = environment::memory();
        return CUDA_SUCCESS;
    });
}

// The attributes that programs query.
EMULATOR_API CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice device)
{
    return with_device(device, [&](Context&) {
        constexpr int CAPABILITY_MAJOR = 75, CAPABILITY_MINOR = 76, MEMORY_POOLS = 115;
        switch (attribute) {
        case CAPABILITY_MAJOR: *value = environment::capability() / 10; break;
        case CAPABILITY_MINOR: *value = environment::capability() % 10; break;
        case MEMORY_POOLS: *value = 1; break;
        default: return fail(CUDA_ERROR_NOT_SUPPORTED, "cuDeviceGetAttribute: attribute %d", attribute);
        }
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuDevicePrimaryCtxRetain(CUcontext* handle, CUdevice device)
{
    return with_device(device, [&](Context& context) {
        if (!context.references++) context.legacy = std::make_shared<Stream>(context);
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

} // namespace emulator
