// Copies between host and device, and fills.
//
// Host memory is pageable or page-locked. A copy from or to pageable memory is complete when the call
// returns; page-locked memory is read and written when the work runs, as on a device.

#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "capture.h"
#include "memory.h"
#include "stream.h"

namespace emulator {

namespace {

// Page-locked memory, by address.
std::map<const char*, size_t> pinned;

bool is_pinned(const void* memory)
{
    const char* place = static_cast<const char*>(memory);
    const auto next = pinned.upper_bound(place);
    if (next == pinned.begin()) return false;
    const auto& [begin, bytes] = *std::prev(next);
    return place < begin + bytes;
}

// Whether all memory of a copy or fill is allocated at the call.
CUresult check_range(Context& context, const char* call, CUdeviceptr address, size_t bytes)
{
    if (!bytes || host_memory(context, address, bytes)) return CUDA_SUCCESS;
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: %zu bytes at %#llx are not within an allocation", call,
        bytes, address);
}

// And whether it still is when the work runs.
CUresult freed(const char* call, CUdeviceptr address)
{
    return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "%s: %#llx was freed before it was done", call, address);
}

Work read_device(Context& context, void* to, CUdeviceptr from, size_t bytes)
{
    return [=, &context] {
        const char* memory = host_memory(context, from, bytes);
        if (!memory) return freed("cuMemcpyDtoH", from);
        memcpy(to, memory, bytes);
        return CUDA_SUCCESS;
    };
}

Work write_device(Context& context, CUdeviceptr to, const void* from, size_t bytes)
{
    return [=, &context] {
        char* memory = host_memory(context, to, bytes);
        if (!memory) return freed("cuMemcpyHtoD", to);
        memcpy(memory, from, bytes);
        return CUDA_SUCCESS;
    };
}

} // namespace

EMULATOR_API CUresult cuMemHostAlloc(void** memory, size_t bytes, unsigned)
{
    return with_context([&](Context&) {
        if (const CUresult code = check_unsafe("cuMemHostAlloc")) return code;
        *memory = malloc(bytes);
        if (!*memory) return fail(CUDA_ERROR_OUT_OF_MEMORY);
        pinned[static_cast<char*>(*memory)] = bytes;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuMemFreeHost(void* memory)
{
    return with_context([&](Context& context) {
        if (const CUresult code = check_unsafe("cuMemFreeHost")) return code;
        if (!pinned.erase(static_cast<char*>(memory))) {
            return fail(CUDA_ERROR_INVALID_VALUE, "cuMemFreeHost: not page-locked memory");
        }
        finish_all(context);
        free(memory);
        return CUDA_SUCCESS;
    });
}

// In a graph, a copy from or to pageable memory could use memory that the program has already freed.
EMULATOR_API CUresult cuMemcpyHtoDAsync_v2(
    CUdeviceptr to, const void* from, size_t bytes, CUstream handle)
{
    constexpr const char* CALL = "cuMemcpyHtoDAsync";
    return with_stream(CALL, handle, [&](Stream& stream) {
        if (const CUresult code = check_range(stream.context, CALL, to, bytes)) return code;
        if (!bytes) return CUDA_SUCCESS;
        if (is_pinned(from)) return submit(stream, write_device(stream.context, to, from, bytes));
        if (stream.capture) return refuse_capture(*stream.capture, CALL);
        const char* begin = static_cast<const char*>(from);
        const auto read = std::make_shared<const std::vector<char>>(begin, begin + bytes);
        const Work write = write_device(stream.context, to, read->data(), bytes);
        return submit(stream, [read, write] { return write(); });
    });
}

EMULATOR_API CUresult cuMemcpyDtoHAsync_v2(
    void* to, CUdeviceptr from, size_t bytes, CUstream handle)
{
    constexpr const char* CALL = "cuMemcpyDtoHAsync";
    return with_stream(CALL, handle, [&](Stream& stream) {
        if (const CUresult code = check_range(stream.context, CALL, from, bytes)) return code;
        if (!bytes) return CUDA_SUCCESS;
        const Work read = read_device(stream.context, to, from, bytes);
        if (is_pinned(to)) return submit(stream, read);
        if (stream.capture) return refuse_capture(*stream.capture, CALL);
        return submit_and_wait(stream, read);
    });
}

EMULATOR_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes)
{
    return with_context([&](Context& context) {
        if (const CUresult code = check_unsafe("cuMemcpyDtoH")) return code;
        if (const CUresult code = check_range(context, "cuMemcpyDtoH", from, bytes)) return code;
        if (!bytes) return CUDA_SUCCESS;
        return submit_and_wait(*context.legacy, read_device(context, to, from, bytes));
    });
}

EMULATOR_API CUresult cuMemcpyDtoDAsync_v2(
    CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    constexpr const char* CALL = "cuMemcpyDtoDAsync";
    return with_context([&](Context& context) {
        if (const CUresult code = check_range(context, CALL, to, bytes)) return code;
        if (const CUresult code = check_range(context, CALL, from, bytes)) return code;
        if (!bytes) return CUDA_SUCCESS;
        return submit(context, stream, [=, &context] {
            char* target = host_memory(context, to, bytes);
            const char* source = host_memory(context, from, bytes);
            if (!target || !source) return freed(CALL, target ? from : to);
            memmove(target, source, bytes);
            return CUDA_SUCCESS;
        });
    });
}

EMULATOR_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream)
{
    constexpr const char* CALL = "cuMemsetD8Async";
    return with_context([&](Context& context) {
        if (const CUresult code = check_range(context, CALL, to, bytes)) return code;
        if (!bytes) return CUDA_SUCCESS;
        return submit(context, stream, [=, &context] {
            char* memory = host_memory(context, to, bytes);
            if (!memory) return freed(CALL, to);
            memset(memory, value, bytes);
            return CUDA_SUCCESS;
        });
    });
}

} // namespace emulator
