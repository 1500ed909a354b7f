#include "services.h"
#include "capture.h"
#include "grid.h"
#include "environment.h"
#include "memory.h"
#include "stream.h"

namespace emulator {

bool service_ready(int major)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    const Context* context = current_context();
    return context && context->references && !context->failure && environment::driver() >= 1000 * major;
}

CUresult service_submit(CUstream stream, std::function<CUresult()> work)
{
    return with_context([&](Context& context) { return submit(context, stream, std::move(work)); });
}

char* service_memory(CUcontext context, CUdeviceptr address, size_t bytes)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    return context ? host_memory(*context, address, bytes) : nullptr;
}

CUresult service_bad_operand(const char* call, const char* operand, CUdeviceptr address)
{
    return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "%s: %s at %#llx is not within an allocation", call, operand,
        address);
}

CUresult service_fail(CUresult code, const std::string& text) { return fail(code, text); }

CUcontext service_context() { return current_context(); }

CUdevice service_device(CUcontext context) { return context->device; }

CUresult service_check_unsafe(const char* call)
{
    return with_context([&](Context&) { return check_unsafe(call); });
}

CUresult service_synchronize(CUcontext context, const char* call)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    if (!context->references) return fail(CUDA_ERROR_INVALID_CONTEXT);
    if (const CUresult code = check_context(*context, call)) return code;
    finish_all(*context);
    return context->failure;
}

// For the crate: 0 ascending, 1 descending, 2 shuffled.
EMULATOR_API void emulator_set_schedule(int schedule)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    set_schedule(static_cast<Schedule>(schedule));
}

} // namespace emulator
