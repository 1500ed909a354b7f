#include "stream.h"

#include <algorithm>

#include "capture.h"

namespace emulator {

namespace {

// A device, too, makes the host wait when it has queued this much.
constexpr size_t LONGEST_QUEUE = 4096;

// CUDA's names for the default streams: legacy (or null) and per-thread.
const CUstream LEGACY = reinterpret_cast<CUstream>(1);
const CUstream PER_THREAD = reinterpret_cast<CUstream>(2);

// What the legacy stream and the blocking ones wait for in each other.
std::vector<Point> implicit(const std::shared_ptr<Stream>& stream)
{
    Context& context = stream->context;
    std::vector<Point> points;
    const auto add = [&](const std::shared_ptr<Stream>& other) {
        if (other && other != stream && !other->finished(other->pushed())) {
            points.push_back({other, other->pushed()});
        }
    };
    if (stream == context.legacy) {
        add(context.per_thread);
        for (const auto& [handle, other] : context.streams) {
            if (other->blocking) add(other);
        }
    } else if (stream->blocking) {
        add(context.legacy);
    }
    return points;
}

} // namespace

void Stream::push(Work work, std::vector<Point> after)
{
    queue_.push_back({std::move(work), std::move(after)});
    ++pushed_;
    if (queue_.size() > LONGEST_QUEUE) finish();
}

void Stream::finish(uint64_t count)
{
    while (done_ < count && !queue_.empty()) {
        const Task task = std::move(queue_.front());
        queue_.pop_front();
        for (const Point& point : task.after) point.stream->finish(point.count);
        if (!context.failure) {
            if (const CUresult code = task.work()) fail_context(context, code);
        }
        ++done_;
    }
}

std::shared_ptr<Stream> find_stream(Context& context, CUstream handle)
{
    if (!handle || handle == LEGACY) return context.legacy;
    if (handle == PER_THREAD) return context.per_thread;
    return context.streams.find(handle);
}

CUresult submit(const std::shared_ptr<Stream>& stream, Work work, std::vector<Point> after)
{
    if (stream->capture) return capture_work(*stream, std::move(work));
    if (stream == stream->context.legacy) {
        if (const CUresult code = check_legacy(stream->context)) return code;
    }
    for (Point& point : implicit(stream)) after.push_back(std::move(point));
    stream->push(std::move(work), std::move(after));
    return CUDA_SUCCESS;
}

CUresult submit(Context& context, CUstream handle, Work work)
{
    const std::shared_ptr<Stream> stream = find_stream(context, handle);
    if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "not a stream of this context");
    return submit(stream, std::move(work));
}

CUresult submit_and_wait(const std::shared_ptr<Stream>& stream, Work work)
{
    if (const CUresult code = submit(stream, std::move(work))) return code;
    stream->finish();
    return result_after_wait(stream->context);
}

CUresult result_after_wait(const Context& context)
{
    return context.failure ? fail(context.failure, context.failure_detail) : CUDA_SUCCESS;
}

void finish_all(Context& context)
{
    context.legacy->finish();
    context.per_thread->finish();
    for (const auto& [handle, stream] : context.streams) stream->finish();
}

namespace {

// Calls `body` with the stream of a handle.
template <class Body>
CUresult with_stream(CUstream handle, Body body)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Stream> stream = find_stream(context, handle);
        if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "not a stream of this context");
        return body(context, stream);
    });
}

// Waiting for a stream, or asking how far it is, is not for one that is captured.
CUresult check_wait(const Stream& stream, const char* call)
{
    if (!stream.capture) return check_unsafe(call);
    return refuse_capture(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, call);
}

} // namespace

// Those of the GPUs that the emulator stands for; a smaller number is a higher priority.
constexpr int LEAST_PRIORITY = 0, GREATEST_PRIORITY = -5;

EMULATOR_API CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned flags, int priority)
{
    return with_context([&](Context& context) {
        if (flags > 1) return fail(CUDA_ERROR_INVALID_VALUE, "cuStreamCreate: flags %u", flags);
        const int within = std::clamp(priority, GREATEST_PRIORITY, LEAST_PRIORITY);
        *handle = context.streams.add(std::make_shared<Stream>(context, flags == 0, within));
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

// For tests: how many streams of the calling thread's context have a priority.
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
    return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
        if (const CUresult code = check_wait(*stream, "cuStreamSynchronize")) return code;
        for (const Point& point : implicit(stream)) {
            if (stream == context.legacy) point.stream->finish(point.count);
        }
        stream->finish();
        return result_after_wait(context);
    });
}

// Nothing is done by itself, so a question must let work go on: asked often enough, all is done.
EMULATOR_API CUresult cuStreamQuery(CUstream handle)
{
    return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
        if (const CUresult code = check_wait(*stream, "cuStreamQuery")) return code;
        if (stream->finished(stream->pushed())) return result_after_wait(context);
        stream->advance();
        return fail(CUDA_ERROR_NOT_READY);
    });
}

EMULATOR_API CUresult cuStreamWaitEvent(CUstream handle, CUevent event_handle, unsigned)
{
    return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
        const std::shared_ptr<Event> event = context.events.find(event_handle);
        if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "cuStreamWaitEvent: not an event");
        if (stream->capture || event->capture) return capture_wait(stream, *event);
        if (!event->point.stream) return CUDA_SUCCESS;
        return submit(stream, [] { return CUDA_SUCCESS; }, {event->point});
    });
}

EMULATOR_API CUresult cuLaunchHostFunc(CUstream handle, void (*function)(void*), void* data)
{
    return with_context([&](Context& context) {
        return submit(context, handle, [=] {
            function(data);
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
