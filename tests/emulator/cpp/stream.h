// Streams: queues of work that is done when somebody waits for it, and not before.
//
// A program that forgets to wait sees memory as it was. Work is done in the order of its stream and
// after what it depends on in other streams: an event, or what CUDA's legacy default stream orders.

#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <set>
#include <vector>

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
    Stream(Context& of, bool is_blocking, int of_priority = 0)
        : context(of), blocking(is_blocking), priority(of_priority)
    {
    }

    Context& context;
    // Whether it is ordered with the legacy default stream.
    const bool blocking;
    // Kept, and nothing else: one piece of work runs at a time.
    const int priority;
    // Set while it is being captured, with the nodes that the next one comes after.
    std::shared_ptr<Capture> capture;
    std::set<size_t> frontier;

    // Queues work behind all that was queued here and behind `after`.
    void push(Work work, std::vector<Point> after);
    // Does the first `count` pieces of work.
    void finish(uint64_t count);
    void finish() { finish(pushed_); }
    bool finished(uint64_t count) const { return done_ >= count; }
    uint64_t pushed() const { return pushed_; }
    // Does one piece of work, if there is any.
    void advance() { finish(done_ < pushed_ ? done_ + 1 : done_); }

private:
    struct Task {
        Work work;
        std::vector<Point> after;
    };
    std::deque<Task> queue_;
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

// Queues work on a stream, or makes it a node of the stream's capture.
CUresult submit(Context& context, CUstream handle, Work work);
// The same for a stream that is known, behind `after`.
CUresult submit(const std::shared_ptr<Stream>& stream, Work work, std::vector<Point> after = {});
// Queues work and waits for it.
CUresult submit_and_wait(const std::shared_ptr<Stream>& stream, Work work);
// The result of a call that has waited.
CUresult result_after_wait(const Context& context);

// Does all work of a context.
void finish_all(Context& context);

} // namespace emulator
