// Streams: queues of work that runs only when something waits for it.
//
// A program that does not wait reads old data. Work runs in stream order, after the events of other
// streams that it waits for.

#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <set>

#include "driver.h"

namespace emulator {

// A piece of queued work. Its error becomes the context's error.
using Work = std::function<CUresult()>;

class Capture;

// The first `count` pieces of work of a stream.
struct Point {
    std::shared_ptr<Stream> stream;
    uint64_t count = 0;
};

class Stream {
public:
    explicit Stream(Context& of, int of_priority = 0) : context(of), priority(of_priority) {}

    Context& context;
// Stored, but without effect: one piece of work runs at a time.
    const int priority;
// Set during capture, with the nodes that precede the next one.
    std::shared_ptr<Capture> capture;
    std::set<size_t> frontier;

// Queues work after all work on this stream.
    void push(Work work);
// Runs the first `count` pieces of work.
    void finish(uint64_t count);
    void finish() { finish(pushed_); }
    bool finished(uint64_t count) const { return done_ >= count; }
    uint64_t pushed() const { return pushed_; }
// Runs one piece of work, if there is any.
    void advance() { finish(done_ < pushed_ ? done_ + 1 : done_); }

private:
    std::deque<Work> queue_;
    uint64_t pushed_ = 0, done_ = 0;
};

class Event {
public:
    bool timed = false;
// Where it was recorded: in a stream, or in a capture after some nodes.
    Point point;
    std::shared_ptr<Capture> capture;
    std::set<size_t> frontier;
    std::shared_ptr<std::chrono::steady_clock::time_point> time;
};

// The stream of a handle, or null.
std::shared_ptr<Stream> find_stream(Context& context, CUstream handle);

// Calls `body` with the stream of a handle that was passed to `call`.
template <class Body>
CUresult with_stream(const char* call, CUstream handle, Body body)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Stream> stream = find_stream(context, handle);
        return stream ? body(*stream) : fail(CUDA_ERROR_INVALID_HANDLE, "%s: not a stream", call);
    });
}

// Queues work on a stream, or adds it to the stream's capture.
CUresult submit(Context& context, CUstream handle, Work work);
CUresult submit(Stream& stream, Work work);
// Queues work and waits for it.
CUresult submit_and_wait(Stream& stream, Work work);
// The result of a call that has waited.
CUresult result_after_wait(const Context& context);

// Runs all work of a context.
void finish_all(Context& context);

} // namespace emulator
