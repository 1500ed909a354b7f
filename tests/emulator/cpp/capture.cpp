#include "capture.h"

#include <algorithm>
#include <numeric>

namespace emulator {

namespace {

// All active captures of all contexts.
std::set<Capture*>& captures()
{
    static std::set<Capture*> all;
    return all;
}

CUresult invalidated(const char* call)
{
    return fail(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "%s: the capture was lost before", call);
}

// Whether all nodes of a graph precede those of `frontier`, or are among them.
bool joined(const Graph& graph, const std::set<size_t>& frontier)
{
    std::vector<bool> seen(graph.nodes.size());
    std::vector<size_t> open(frontier.begin(), frontier.end());
    while (!open.empty()) {
        const size_t node = open.back();
        open.pop_back();
        if (seen[node]) continue;
        seen[node] = true;
        for (const size_t before : graph.nodes[node].after) open.push_back(before);
    }
    return std::all_of(seen.begin(), seen.end(), [](bool value) { return value; });
}

void end(Capture& capture)
{
    capture.ended = true;
    for (Stream* stream : capture.streams) {
        stream->capture = nullptr;
        stream->frontier.clear();
    }
    captures().erase(&capture);
}

} // namespace

CUresult Graph::run() const
{
    std::vector<size_t> missing(nodes.size());
    std::vector<std::vector<size_t>> next(nodes.size());
    std::vector<size_t> ready;
    for (size_t i = 0; i < nodes.size(); ++i) {
        missing[i] = nodes[i].after.size();
        for (const size_t before : nodes[i].after) next[before].push_back(i);
        if (!missing[i]) ready.push_back(i);
    }
// Ranks determine which ready node runs first.
    std::vector<unsigned> rank(nodes.size());
    arrange(rank.data(), rank.size());
    const auto behind = [&](size_t a, size_t b) { return rank[a] > rank[b]; };
    std::make_heap(ready.begin(), ready.end(), behind);
    while (!ready.empty()) {
        std::pop_heap(ready.begin(), ready.end(), behind);
        const size_t node = ready.back();
        ready.pop_back();
        if (const CUresult code = nodes[node].work()) return code;
        for (const size_t follower : next[node]) {
            if (--missing[follower]) continue;
            ready.push_back(follower);
            std::push_heap(ready.begin(), ready.end(), behind);
        }
    }
    return CUDA_SUCCESS;
}

CUresult capture_work(Stream& stream, Work work)
{
    Capture& capture = *stream.capture;
    if (capture.invalidated) return invalidated("queued work");
    capture.graph.nodes.push_back({std::move(work), stream.frontier});
    stream.frontier = {capture.graph.nodes.size() - 1};
    return CUDA_SUCCESS;
}

CUresult capture_record(Stream& stream, Event& event)
{
    if (stream.capture->invalidated) return invalidated("cuEventRecord");
    event.capture = stream.capture;
    event.frontier = stream.frontier;
    event.point = {};
    return CUDA_SUCCESS;
}

CUresult capture_wait(Stream& stream, const Event& event)
{
    constexpr const char* CALL = "cuStreamWaitEvent";
    if (!event.capture) return refuse_capture(*stream.capture, CALL, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    if (event.capture->ended) return fail(CUDA_ERROR_CAPTURED_EVENT, "its capture has ended");
    if (event.capture->invalidated) return invalidated(CALL);
    if (stream.capture && stream.capture != event.capture) {
        event.capture->invalidated = true;
        return refuse_capture(*stream.capture, CALL, CUDA_ERROR_STREAM_CAPTURE_MERGE);
    }
    if (!stream.capture && &stream == stream.context.legacy.get()) {
        return refuse_capture(*event.capture, CALL, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    }
    if (!stream.capture) {
        stream.capture = event.capture;
        event.capture->streams.insert(&stream);
    }
    stream.frontier.insert(event.frontier.begin(), event.frontier.end());
    return CUDA_SUCCESS;
}

CUresult refuse_capture(Capture& capture, const char* call, CUresult code)
{
    if (capture.invalidated) return invalidated(call);
    capture.invalidated = true;
    return fail(code, "%s while a stream is captured", call);
}

// https://docs.nvidia.com/cuda/cuda-driver-api/group__CUDA__STREAM.html, cuThreadExchangeStreamCaptureMode
CUresult check_unsafe(const char* call)
{
    for (Capture* capture : captures()) {
        const bool own = capture->thread == std::this_thread::get_id();
        if (capture->mode == CaptureMode::global
            || (own && capture->mode == CaptureMode::thread_local_)) {
            capture->invalidated = true;
            return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s while a stream is captured", call);
        }
    }
    return CUDA_SUCCESS;
}

CUresult check_context(const Context& context, const char* call)
{
    CUresult code = check_unsafe(call);
    for (Capture* capture : captures()) {
        if (&capture->origin->context != &context) continue;
        capture->invalidated = true;
        code = fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "%s while a stream is captured", call);
    }
    return code;
}

EMULATOR_API CUresult cuStreamBeginCapture_v2(CUstream handle, int mode)
{
    return with_stream("cuStreamBeginCapture", handle, [&](Stream& stream) {
        if (mode < 0 || mode > 2) return fail(CUDA_ERROR_INVALID_VALUE, "no capture mode: %d", mode);
        if (&stream == stream.context.legacy.get()) {
            return fail(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "cuStreamBeginCapture: the legacy default stream cannot be captured");
        }
        if (stream.capture) return fail(CUDA_ERROR_ILLEGAL_STATE, "the stream is captured already");
        const auto capture = std::make_shared<Capture>();
        capture->mode = static_cast<CaptureMode>(mode);
        capture->thread = std::this_thread::get_id();
        capture->origin = &stream;
        capture->streams.insert(&stream);
        stream.capture = capture;
        captures().insert(capture.get());
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph)
{
    *graph = nullptr;
    return with_stream("cuStreamEndCapture", handle, [&](Stream& stream) {
        const std::shared_ptr<Capture> capture = stream.capture;
        if (!capture) return fail(CUDA_ERROR_ILLEGAL_STATE, "the stream is not captured");
        if (capture->origin != &stream) {
            capture->invalidated = true;
            return fail(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
        }
        if (capture->mode != CaptureMode::relaxed && capture->thread != std::this_thread::get_id()) {
            return fail(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
        }
        const std::set<size_t> frontier = stream.frontier;
        end(*capture);
        if (capture->invalidated) return invalidated("cuStreamEndCapture");
        if (!joined(capture->graph, frontier)) return fail(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
        *graph = stream.context.graphs.add(std::make_shared<Graph>(std::move(capture->graph)));
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuStreamIsCapturing(CUstream handle, int* status)
{
    return with_stream("cuStreamIsCapturing", handle, [&](Stream& stream) {
        *status = !stream.capture ? 0 : stream.capture->invalidated ? 2 : 1;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuGraphInstantiateWithFlags(
    CUgraphExec* executable, CUgraph handle, unsigned long long flags)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Graph> graph = context.graphs.find(handle);
        if (!graph) return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphInstantiate: not a graph");
        constexpr unsigned long long AUTO_FREE = 1, DEVICE_LAUNCH = 4, ALL = 15;
        const bool contradiction = (flags & AUTO_FREE) && (flags & DEVICE_LAUNCH);
        if (flags > ALL || contradiction) {
            return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphInstantiate: flags %llu", flags);
        }
        const auto instance = std::make_shared<Graph>(*graph);
        instance->flags = flags;
        *executable = context.executables.add(instance);
        return CUDA_SUCCESS;
    });
}

// For tests: the number of executable graphs with these flags in the calling thread's context.
EMULATOR_API size_t emulator_executables(unsigned long long flags)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    const auto has = [&](const auto& entry) { return entry.second->flags == flags; };
    const auto& executables = current_context()->executables;
    return std::count_if(executables.begin(), executables.end(), has);
}

// A launch runs the graph as it was instantiated, even if it is destroyed before the work runs.
EMULATOR_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Graph> graph = context.executables.find(handle);
        if (!graph) return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphLaunch: not an executable graph");
        return submit(context, stream, [graph] { return graph->run(); });
    });
}

EMULATOR_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream)
{
    return with_context([&](Context& context) {
        if (!context.executables.find(handle) || !find_stream(context, stream)) {
            return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphUpload: not an executable graph, or stream");
        }
        return CUDA_SUCCESS;
    });
}

// Nodes are only counted.
EMULATOR_API CUresult cuGraphGetNodes(CUgraph handle, void** nodes, size_t* count)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Graph> graph = context.graphs.find(handle);
        if (!graph) return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphGetNodes: not a graph");
        if (nodes) return fail(CUDA_ERROR_NOT_SUPPORTED, "cuGraphGetNodes: only counts");
        *count = graph->nodes.size();
        return CUDA_SUCCESS;
    });
}

// A node's handle is its address, which only identifies it. All edges are full dependencies, whose data
// is zero.
EMULATOR_API CUresult cuGraphGetEdges_v2(
    CUgraph handle, const void** from, const void** to, CUgraphEdgeData* data, size_t* count)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Graph> graph = context.graphs.find(handle);
        if (!graph) return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphGetEdges: not a graph");
        if (!from != !to) return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphGetEdges: one end only");
        size_t edges = 0;
        for (const Graph::Node& node : graph->nodes) {
            for (const size_t before : node.after) {
                if (from && edges == *count) return CUDA_SUCCESS;
                if (from) from[edges] = &graph->nodes[before], to[edges] = &node;
                if (from && data) data[edges] = {};
                ++edges;
            }
        }
        *count = edges;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuGraphExecDestroy(CUgraphExec handle)
{
    return with_context([&](Context& context) {
        if (context.executables.remove(handle)) return CUDA_SUCCESS;
        return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphExecDestroy: not an executable graph");
    });
}

EMULATOR_API CUresult cuGraphDestroy(CUgraph handle)
{
    return with_context([&](Context& context) {
        if (context.graphs.remove(handle)) return CUDA_SUCCESS;
        return fail(CUDA_ERROR_INVALID_VALUE, "cuGraphDestroy: not a graph");
    });
}

} // namespace emulator
