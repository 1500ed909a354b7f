#include "stream.h"

#include <algorithm>

#include "capture.h"

namespace emulator {

namespace {

// Like a real device, makes the host wait when this much work is queued.
constexpr size_t LONGEST_QUEUE = 4096;

} // namespace

void Stream::push(Work work)
{
    queue_.push_back(std::move(work));
    ++pushed_;
    if (queue_.size() > LONGEST_QUEUE) finish();
}

void Stream::finish(uint64_t count)
{
    while (done_ < count && !queue_.empty()) {
        const Work work = std::move(queue_.front());
        queue_.pop_front();
        if (!context.failure) {
            if (const CUresult code = work()) fail_context(context, code);
        }
        ++done_;
    }
}

std::shared_ptr<Stream> find_stream(Context& context, CUstream handle)
{
    return handle ? context.streams.find(handle) : context.legacy;
}

CUresult submit(Stream& stream, Work work)
{
    if (stream.capture) return capture_work(stream, std::move(work));
    stream.push(std::move(work));
    return CUDA_SUCCESS;
}

CUresult submit(Context& context, CUstream handle, Work work)
{
    const std::shared_ptr<Stream> stream = find_stream(context, handle);
    if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "not a stream of this context");
    return submit(*stream, std::move(work));
}

CUresult submit_and_wait(Stream& stream, Work work)
{
    if (const CUresult code = submit(stream, std::move(work))) return code;
    stream.finish();
    return result_after_wait(stream.context);
}

CUresult result_after_wait(const Context& context)
{
    return context.failure ? fail(context.failure, context.failure_detail) : CUDA_SUCCESS;
}

void finish_all(Context& context)
{
    context.legacy->finish();
    for (const auto& [handle, stream] : context.streams) stream->finish();
}

// The priorities of the emulated GPUs; a smaller number is a higher priority.
constexpr int LEAST_PRIORITY = 0, GREATEST_PRIORITY = -5;

// Blocking streams, which synchronize with the legacy default stream, are not implemented.
EMULATOR_API CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned flags, int priority)
{
    return with_context([&](Context& context) {
        constexpr unsigned NON_BLOCKING = 1;
        if (flags != NON_BLOCKING) return fail(CUDA_ERROR_NOT_SUPPORTED, "cuStreamCreate: flags %u", flags);
        const int within = std::clamp(priority, GREATEST_PRIORITY, LEAST_PRIORITY);
        *handle = context.streams.add(std::make_shared<Stream>(context, within));
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuStreamCreate(CUstream* handle, unsigned flags)
{
    return cuStreamCreateWithPriority(handle, flags, LEAST_PRIORITY);
}

EMULATOR_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest)
{
    return with_context([&](Context&) {
        *least = LEAST_PRIORITY;
        *greatest = GREATEST_PRIORITY;
        return CUDA_SUCCESS;
    });
}

// For tests: the number of streams with a priority in the calling thread's context.
EMULATOR_API size_t emulator_streams(int priority)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    const auto has = [&](const auto& entry) { return entry.second->priority == priority; };
    const auto& streams = current_context()->streams;
    return std::count_if(streams.begin(), streams.end(), has);
}

EMULATOR_API CUresult cuStreamDestroy_v2(CUstream handle)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Stream> stream = context.streams.find(handle);
        if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "cuStreamDestroy: not a stream");
        if (stream->capture) stream->capture->invalidated = true;
        stream->finish();
        context.streams.remove(handle);
        return result_after_wait(context);
    });
}

EMULATOR_API CUresult cuStreamSynchronize(CUstream handle)
{
    constexpr const char* CALL = "cuStreamSynchronize";
    return with_stream(CALL, handle, [&](Stream& stream) {
        if (stream.capture) return refuse_capture(*stream.capture, CALL);
        if (const CUresult code = check_unsafe(CALL)) return code;
        stream.finish();
        return result_after_wait(stream.context);
    });
}

EMULATOR_API CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned)
{
    return with_stream("cuStreamWaitEvent", handle, [&](Stream& stream) {
        const std::shared_ptr<Event> event = stream.context.events.find(event_handle);
        if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "cuStreamWaitEvent: not an event");
        if (stream.capture || event->capture) return capture_wait(stream, *event);
        if (!event->point.stream) return CUDA_SUCCESS;
        return submit(stream, [point = event->point] {
            point.stream->finish(point.count);
            return CUDA_SUCCESS;
        });
    });
}

EMULATOR_API CUresult cuCtxSynchronize()
{
    return with_context([&](Context& context) {
        if (const CUresult code = check_context(context, "cuCtxSynchronize")) return code;
        finish_all(context);
        return result_after_wait(context);
    });
}

} // namespace emulator
