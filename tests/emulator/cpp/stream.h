// Streams: queues of work that is done when somebody waits for it, and not before.
//
// A program that forgets to wait sees memory as it was. Work is done in the order of its stream and
// after the events of other streams that it waits for.

#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <set>

#include "driver.h"

namespace emulator {

// A piece of queued work. What it fails with becomes the context's failure.
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
    // Kept, and nothing else: one piece of work runs at a time.
    const int priority;
    // Set while it is being captured, with the nodes that the next one comes after.
    std::shared_ptr<Capture> capture;
    std::set<size_t> frontier;

    // Queues work behind all that was queued here.
    void push(Work work);
    // Does the first `count` pieces of work.
    void finish(uint64_t count);
    void finish() { finish(pushed_); }
    bool finished(uint64_t count) const { return done_ >= count; }
    uint64_t pushed() const { return pushed_; }
    // Does one piece of work, if there is any.
    void advance() { finish(done_ < pushed_ ? done_ + 1 : done_); }

private:
    std::deque<Work> queue_;
    uint64_t pushed_ = 0, done_ = 0;
};

class Event {
public:
    bool timed = false;
    // Where it was recorded: in a stream, or in a capture behind some nodes.
    Point point;
    std::shared_ptr<Capture> capture;
    std::set<size_t> frontier;
    std::shared_ptr<std::chrono::steady_clock::time_point> time;
};

// The stream of a handle, or null.
std::shared_ptr<Stream> find_stream(Context& context, CUstream handle);

// Calls `body` with the stream of a handle, which `call` was given.
template <class Body>
CUresult with_stream(const char* call, CUstream handle, Body body)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Stream> stream = find_stream(context, handle);
        return stream ? body(*stream) : fail(CUDA_ERROR_INVALID_HANDLE, "%s: not a stream", call);
    });
}

// Queues work on a stream, or makes it a node of the stream's capture.
CUresult submit(Context& context, CUstream handle, Work work);
CUresult submit(Stream& stream, Work work);
// Queues work and waits for it.
CUresult submit_and_wait(Stream& stream, Work work);
// The result of a call that has waited.
CUresult result_after_wait(const Context& context);

// Does all work of a context.
void finish_all(Context& context);

} // namespace emulator
