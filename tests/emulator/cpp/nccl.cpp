// The stand-in for libnccl: communicators between processes, and collectives, queued on a stream.

#include <map>
#include <memory>
#include <mutex>

#include "communicator.h"
#include "meeting.h"
#include "services.h"

EMULATOR_API CUresult cuGetErrorString(CUresult code, const char** text);

namespace emulator {

namespace {

constexpr int VERSION = 22809;

std::mutex lock;
// By handle. Work that is queued or captured also owns its communicator.
std::map<Communicator*, std::shared_ptr<Communicator>> communicators;

thread_local std::string last_error;

// The result of a call.
Result report(const Problem& problem)
{
    if (problem) last_error = problem.text;
    return problem.result;
}

Problem refusal(const char* call, const std::string& text)
{
    return {Result::invalid_argument, call + (": " + text)};
}

Problem cuda_problem(const char* call, CUresult code)
{
    if (!code) return {};
    const char* text = "an unknown error";
    cuGetErrorString(code, &text);
    return {Result::unhandled_cuda_error, call + (std::string(": ") + text)};
}

// Calls `body` with a communicator.
template <class Body>
Result with_communicator(const char* call, Communicator* handle, Body body)
{
    std::shared_ptr<Communicator> communicator;
    {
        const std::lock_guard<std::mutex> guard(lock);
        const auto found = communicators.find(handle);
        if (found != communicators.end()) communicator = found->second;
    }
    if (!communicator) {
        return report(refusal(call, "not a communicator, or one that was destroyed or aborted"));
    }
    return report(body(communicator));
}

void forget(Communicator* handle)
{
    const std::lock_guard<std::mutex> guard(lock);
    communicators.erase(handle);
}

bool is_implemented(Collective collective, DataType type)
{
    switch (type) {
    case DataType::float32: return true;
    case DataType::int8:
    case DataType::uint8:
    case DataType::int32:
    case DataType::uint32: return collective == Collective::broadcast;
    }
    return false;
}

Problem check_extents(const char* name, const Call& call, int ranks)
{
    if (!is_implemented(call.collective, call.type)) {
        const std::string type = std::to_string(static_cast<int>(call.type));
        return refusal(name, "the emulator does not implement type " + type);
    }
    if (call.root < 0 || call.root >= ranks) {
        return refusal(
            name, "root " + std::to_string(call.root) + " of " + std::to_string(ranks) + " ranks");
    }
    if (call.count > SIZE_MAX / size_of(call.type) / ranks) {
        return refusal(name, std::to_string(call.count) + " elements");
    }
    return {};
}

// Buffers may be the same, at the rank's place in the larger one, but not overlap otherwise.
Problem check_buffers(const char* name, const Operation& operation, const Communicator& of)
{
    const size_t bytes = operation.call.bytes(), size = size_of(operation.call.type);
    const bool gathers = operation.call.collective == Collective::all_gather;
    const CUdeviceptr send = operation.send, receive = operation.receive;
    const size_t all = gathers ? bytes * of.ranks : bytes;
    const bool in_place = send == receive + (gathers ? of.rank * bytes : 0);
    const bool apart = send + bytes <= receive || receive + all <= send;
    if (!in_place && !apart) return refusal(name, "sendbuff and recvbuff overlap, and not in place");
    if (send % size || receive % size) return refusal(name, "sendbuff or recvbuff is misaligned");
    return {};
}

Problem submit(const std::shared_ptr<Communicator>& of, Operation operation, CUstream stream)
{
    const Call& call = operation.call;
    const char* name = name_of(call.collective);
    if (const Problem problem = check_extents(name, call, of->ranks)) return problem;
    // Ranks that only receive a broadcast may give any sendbuff.
    const bool sends = call.collective != Collective::broadcast || call.root == of->rank;
    if (!sends) operation.send = operation.receive;
    if (const Problem problem = check_buffers(name, operation, *of)) return problem;
    if (service_context() != of->context) {
        return refusal(name, "the current context is not the communicator's");
    }
    operation.call.number = of->calls + 1;
    const CUresult code = service_submit(stream, [of, operation] { return of->run(operation); });
    if (!code) ++of->calls;
    return cuda_problem(name, code);
}

Result submit_collective(const Call& call, const void* send, void* receive, Communicator* handle,
    CUstream stream)
{
    const auto address = [](const void* memory) { return reinterpret_cast<CUdeviceptr>(memory); };
    const Operation operation = {call, address(send), address(receive)};
    return with_communicator(name_of(call.collective), handle,
        [&](const std::shared_ptr<Communicator>& of) { return submit(of, operation, stream); });
}

Problem init_rank(Communicator** handle, int ranks, const UniqueId& id, int rank)
{
    constexpr const char* CALL = "ncclCommInitRank";
    if (ranks < 1 || rank < 0 || rank >= ranks) {
        return refusal(CALL, "rank " + std::to_string(rank) + " of " + std::to_string(ranks) + " ranks");
    }
    if (const Problem problem = cuda_problem(CALL, service_check_unsafe(CALL))) return problem;
    const CUcontext context = service_context();
    std::vector<Descriptor> links;
    if (const Problem problem = meet(id, {rank, ranks, service_device(context)}, links)) return problem;
    const auto made = std::make_shared<Communicator>(context, rank, ranks, std::move(links));
    const std::lock_guard<std::mutex> guard(lock);
    communicators[made.get()] = made;
    *handle = made.get();
    return {};
}

} // namespace

EMULATOR_API Result ncclGetVersion(int* version)
{
    *version = VERSION;
    return Result::success;
}

EMULATOR_API Result ncclGetUniqueId(UniqueId* id) { return report(invite(*id)); }

// Allocates and waits, like the real one, so it is an error during a capture.
EMULATOR_API Result ncclCommInitRank(Communicator** handle, int ranks, UniqueId id, int rank)
{
    *handle = nullptr;
    return report(init_rank(handle, ranks, id, rank));
}

// Waits for the device. The handle is destroyed even if that fails; until then it can be aborted.
EMULATOR_API Result ncclCommDestroy(Communicator* handle)
{
    constexpr const char* CALL = "ncclCommDestroy";
    return with_communicator(CALL, handle, [&](const std::shared_ptr<Communicator>& of) {
        const Problem problem = cuda_problem(CALL, service_synchronize(of->context, CALL));
        forget(handle);
        of->leave();
        return problem;
    });
}

// Does not need the driver's lock, which the work to be aborted holds.
EMULATOR_API Result ncclCommAbort(Communicator* handle)
{
    return with_communicator("ncclCommAbort", handle, [&](const std::shared_ptr<Communicator>& of) {
        forget(handle);
        of->abort();
        return Problem{};
    });
}

EMULATOR_API Result ncclCommGetAsyncError(Communicator* handle, Result* error)
{
    return with_communicator(
        "ncclCommGetAsyncError", handle, [&](const std::shared_ptr<Communicator>& of) {
            *error = of->async_error();
            return Problem{};
        });
}

EMULATOR_API Result ncclAllReduce(const void* send, void* receive, size_t count, DataType type,
    int reduction, Communicator* handle, CUstream stream)
{
    if (reduction != SUM) return report(refusal("ncclAllReduce", "the emulator implements sums only"));
    return submit_collective({Collective::all_reduce, type, 0, 0, count}, send, receive, handle, stream);
}

EMULATOR_API Result ncclAllGather(const void* send, void* receive, size_t count, DataType type,
    Communicator* handle, CUstream stream)
{
    return submit_collective({Collective::all_gather, type, 0, 0, count}, send, receive, handle, stream);
}

EMULATOR_API Result ncclBroadcast(const void* send, void* receive, size_t count, DataType type, int root,
    Communicator* handle, CUstream stream)
{
    return submit_collective({Collective::broadcast, type, root, 0, count}, send, receive, handle, stream);
}

// The error of this thread's latest failed call.
EMULATOR_API const char* ncclGetLastError(Communicator*) { return last_error.c_str(); }

EMULATOR_API const char* ncclGetErrorString(Result result)
{
    switch (result) {
    case Result::success: return "no error";
    case Result::unhandled_cuda_error:
        return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case Result::system_error: return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case Result::internal_error:
        return "internal error - please report this issue to the NCCL developers";
    case Result::invalid_argument: return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case Result::invalid_usage: return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case Result::remote_error: return "remote process exited or there was a network error";
    case Result::in_progress: return "NCCL operation in progress";
    }
    return "unknown result code";
}

} // namespace emulator
