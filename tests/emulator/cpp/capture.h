// Graphs, and the capture of streams into them.

#pragma once

#include <set>
#include <thread>
#include <vector>

#include "grid.h"
#include "stream.h"

namespace emulator {

class Graph {
public:
    struct Node {
        Work work;
        std::set<size_t> after;
    };
    std::vector<Node> nodes;
// The flags of its instantiation; stored, but without effect: one piece of work runs at a time.
    unsigned long long flags = 0;

// Runs all nodes in an order that their edges allow, chosen by the schedule.
    CUresult run() const;
};

enum class CaptureMode { global, thread_local_, relaxed };

// One capture: the stream that began it, and those that joined through an event.
class Capture {
public:
    CaptureMode mode;
    std::thread::id thread;
    Stream* origin = nullptr;
    std::set<Stream*> streams;
    Graph graph;
    bool ended = false, invalidated = false;
};

// Adds work as a node to the capture of `stream`.
CUresult capture_work(Stream& stream, Work work);
CUresult capture_record(Stream& stream, Event& event);
// A wait on a capturing stream, or for an event that was recorded in a capture.
CUresult capture_wait(Stream& stream, const Event& event);

// A call that is illegal during capture: it fails, and the capture is invalidated.
CUresult refuse_capture(Capture& capture, const char* call,
    CUresult code = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);

// The error of unsafe calls while this thread captures, or any thread in global mode.
CUresult check_unsafe(const char* call);
// The same for calls that wait for a whole context.
CUresult check_context(const Context& context, const char* call);

} // namespace emulator
