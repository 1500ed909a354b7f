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
    // Those of its instantiation; kept, and nothing else: one piece of work runs at a time.
    unsigned long long flags = 0;

    // Does the work of all nodes in an order that their edges allow; which one, the schedule says.
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

// Makes work a node of the capture of `stream`.
CUresult capture_work(Stream& stream, Work work);
CUresult capture_record(Stream& stream, Event& event);
// A wait in a stream that is captured, or for an event that was recorded in a capture.
CUresult capture_wait(Stream& stream, const Event& event);

// A call that no capture allows to go on: it fails, and the capture is lost.
CUresult refuse_capture(Capture& capture, const char* call,
    CUresult code = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);

// What calls may fail with that are not safe while this thread captures, or any in global mode.
CUresult check_unsafe(const char* call);
// The same for what waits for a whole context.
CUresult check_context(const Context& context, const char* call);

} // namespace emulator
