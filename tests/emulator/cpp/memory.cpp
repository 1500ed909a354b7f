#include "memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "capture.h"
#include "fiber.h"
#include "environment.h"
#include "stream.h"

namespace emulator {

namespace {

// No host address has this bit, so a program that dereferences a device address crashes.
constexpr CUdeviceptr DEVICE_BIT = 1ULL << 62;
// The alignment of allocations, as on a device.
constexpr size_t ALIGNMENT = 256;

// New memory is filled with NaN, or large numbers.
constexpr int FRESH = 0xff;

// AddressSanitizer checks the margins of an allocation; without it, they hold the same NaN, which must
// not change.
#ifdef EMULATOR_ASAN
constexpr size_t MARGIN = 0;
#else
constexpr size_t MARGIN = 256;
#endif

// Freed memory is not reused at once, so that uses of old pointers are detected.
constexpr size_t QUARANTINE = size_t(64) << 20;

struct Allocation {
    Context* context;
// The host allocation, with a margin before and after the memory.
    char* block;
    size_t bytes;
    // Whether a queued piece of work will free it.
    bool freeing = false;

    char* begin() const { return block + MARGIN; }
};

// By address of the host.
std::map<char*, Allocation> allocations;
std::deque<Allocation> quarantine;
size_t quarantined;

std::map<char*, Allocation>::iterator find(CUdeviceptr address)
{
    if (!(address & DEVICE_BIT)) return allocations.end();
    char* host = reinterpret_cast<char*>(address & ~DEVICE_BIT);
    auto next = allocations.upper_bound(host);
    if (next == allocations.begin()) return allocations.end();
    --next;
    return host <= next->second.begin() + next->second.bytes ? next : allocations.end();
}

CUresult allocate(Context& context, CUdeviceptr* address, size_t bytes)
{
    if (bytes > environment::memory() - context.used) {
// Memory freed by queued work becomes available.
        finish_all(context);
        if (bytes > environment::memory() - context.used) return fail(CUDA_ERROR_OUT_OF_MEMORY);
    }
    void* block = nullptr;
    if (posix_memalign(&block, ALIGNMENT, bytes + 2 * MARGIN)) return fail(CUDA_ERROR_OUT_OF_MEMORY);
    memset(block, FRESH, bytes + 2 * MARGIN);
    const Allocation allocation = {&context, static_cast<char*>(block), bytes, false};
    allocations[allocation.begin()] = allocation;
    context.used += bytes;
    *address = reinterpret_cast<CUdeviceptr>(allocation.begin()) | DEVICE_BIT;
    return CUDA_SUCCESS;
}

void release(std::map<char*, Allocation>::iterator place)
{
    const Allocation allocation = place->second;
    allocations.erase(place);
    allocation.context->used -= allocation.bytes;
#ifdef EMULATOR_ASAN
    free(allocation.block);
#else
    quarantine.push_back(allocation);
    quarantined += allocation.bytes;
    while (quarantined > QUARANTINE) {
        quarantined -= quarantine.front().bytes;
        free(quarantine.front().block);
        quarantine.pop_front();
    }
#endif
}

// The allocation that starts at an address and may be freed; end() if there is none.
std::map<char*, Allocation>::iterator find_to_free(CUdeviceptr address)
{
    const auto found = find(address);
    if (found == allocations.end() || found->second.freeing) return allocations.end();
    return found->first == reinterpret_cast<char*>(address & ~DEVICE_BIT) ? found : allocations.end();
}

CUresult nothing_to_free(const char* call, CUdeviceptr address)
{
    return fail(CUDA_ERROR_INVALID_VALUE, "%s: %#llx is not allocated, or was freed", call, address);
}

} // namespace

char* host_memory(Context& context, CUdeviceptr address, size_t bytes)
{
    const auto found = find(address);
    if (found == allocations.end() || found->second.context != &context) return nullptr;
    char* host = reinterpret_cast<char*>(address & ~DEVICE_BIT);
    const size_t left = found->second.begin() + found->second.bytes - host;
    return bytes <= left ? host : nullptr;
}

bool overrun(CUdeviceptr address)
{
    const auto found = find(address);
    if (found == allocations.end()) return false;
    const Allocation& allocation = found->second;
    const auto written = [](char byte) { return static_cast<unsigned char>(byte) != FRESH; };
    const char *before = allocation.block, *behind = allocation.begin() + allocation.bytes;
    return std::any_of(before, before + MARGIN, written) || std::any_of(behind, behind + MARGIN, written);
}

size_t free_all(Context& context)
{
    size_t count = 0;
    for (auto place = allocations.begin(); place != allocations.end();) {
        const auto next = std::next(place);
        if (place->second.context == &context) {
            release(place);
            ++count;
        }
        place = next;
    }
    return count;
}

EMULATOR_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes)
{
    return with_context([&](Context& context) {
        if (const CUresult code = check_unsafe("cuMemAlloc")) return code;
        if (!bytes) return fail(CUDA_ERROR_INVALID_VALUE, "cuMemAlloc: no bytes");
        return allocate(context, address, bytes);
    });
}

// During capture a real device adds a node, with an address that belongs to the graph; likewise for
// frees. This is not implemented, since no program here needs it.
EMULATOR_API CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream handle)
{
    constexpr const char* CALL = "cuMemAllocAsync";
    return with_stream(CALL, handle, [&](Stream& stream) {
        if (stream.capture) return refuse_capture(*stream.capture, CALL);
        *address = 0;
        return bytes ? allocate(stream.context, address, bytes) : CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuMemFree_v2(CUdeviceptr address)
{
    return with_context([&](Context&) {
        if (const CUresult code = check_unsafe("cuMemFree")) return code;
        if (!address) return CUDA_SUCCESS;
        const auto found = find_to_free(address);
        if (found == allocations.end()) return nothing_to_free("cuMemFree", address);
        finish_all(*found->second.context);
        release(found);
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle)
{
    constexpr const char* CALL = "cuMemFreeAsync";
    return with_stream(CALL, handle, [&](Stream& stream) {
        if (stream.capture) return refuse_capture(*stream.capture, CALL);
        if (!address) return CUDA_SUCCESS;
        const auto found = find_to_free(address);
        if (found == allocations.end()) return nothing_to_free(CALL, address);
        found->second.freeing = true;
        return submit(stream, [found] {
            release(found);
            return CUDA_SUCCESS;
        });
    });
}

EMULATOR_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total)
{
    return with_context([&](Context& context) {
        *total = environment::memory();
        *free = environment::memory() - context.used;
        return CUDA_SUCCESS;
    });
}

// For tests: the bytes that are allocated on a device.
EMULATOR_API size_t emulator_allocated(int device)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    size_t bytes = 0;
    for (const auto& [place, allocation] : allocations) {
        if (allocation.context->device == device) bytes += allocation.bytes;
    }
    return bytes;
}

} // namespace emulator
