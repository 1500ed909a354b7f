// Events: points in streams that other streams wait for.

#include "capture.h"
#include "stream.h"

namespace emulator {

namespace {

template <class Body>
CUresult with_event(CUevent handle, Body body)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Event> event = context.events.find(handle);
        if (!event) return fail(CUDA_ERROR_INVALID_HANDLE, "not an event of this context");
        return body(context, *event);
    });
}

// A captured event never completes.
CUresult check_wait(const Event& event, const char* call)
{
    if (!event.capture) return check_unsafe(call);
    return refuse_capture(*event.capture, call, CUDA_ERROR_CAPTURED_EVENT);
}

} // namespace

EMULATOR_API CUresult cuEventCreate(CUevent* handle, unsigned flags)
{
    return with_context([&](Context& context) {
        constexpr unsigned DISABLE_TIMING = 2;
        const auto event = std::make_shared<Event>();
        event->timed = !(flags & DISABLE_TIMING);
        *handle = context.events.add(event);
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuEventDestroy_v2(CUevent handle)
{
    return with_context([&](Context& context) {
        if (context.events.remove(handle)) return CUDA_SUCCESS;
        return fail(CUDA_ERROR_INVALID_HANDLE, "cuEventDestroy: not an event");
    });
}

EMULATOR_API CUresult cuEventRecord(CUevent handle, CUstream stream_handle)
{
    return with_event(handle, [&](Context& context, Event& event) {
        const std::shared_ptr<Stream> stream = find_stream(context, stream_handle);
        if (!stream) return fail(CUDA_ERROR_INVALID_HANDLE, "cuEventRecord: not a stream");
        if (stream->capture) return capture_record(*stream, event);
        const auto time = std::make_shared<std::chrono::steady_clock::time_point>();
        const CUresult code = submit(*stream, [time] {
            *time = std::chrono::steady_clock::now();
            return CUDA_SUCCESS;
        });
        if (code) return code;
        event.capture = nullptr;
        event.point = {stream, stream->pushed()};
        event.time = time;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuEventQuery(CUevent handle)
{
    return with_event(handle, [&](Context& context, Event& event) {
        if (const CUresult code = check_wait(event, "cuEventQuery")) return code;
        const Point& point = event.point;
        if (!point.stream || point.stream->finished(point.count)) return result_after_wait(context);
        point.stream->advance();
        return fail(CUDA_ERROR_NOT_READY);
    });
}

EMULATOR_API CUresult cuEventSynchronize(CUevent handle)
{
    return with_event(handle, [&](Context& context, Event& event) {
        if (const CUresult code = check_wait(event, "cuEventSynchronize")) return code;
        if (event.point.stream) event.point.stream->finish(event.point.count);
        return result_after_wait(context);
    });
}

EMULATOR_API CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent first, CUevent last)
{
    return with_event(first, [&](Context& context, Event& begin) {
        const std::shared_ptr<Event> end = context.events.find(last);
        if (!end || !begin.timed || !end->timed || !begin.time || !end->time) {
            return fail(CUDA_ERROR_INVALID_HANDLE, "cuEventElapsedTime: not recorded, or not timed");
        }
        for (const Point& point : {begin.point, end->point}) {
            if (!point.stream->finished(point.count)) return fail(CUDA_ERROR_NOT_READY);
        }
        *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *begin.time).count();
        return CUDA_SUCCESS;
    });
}

} // namespace emulator
