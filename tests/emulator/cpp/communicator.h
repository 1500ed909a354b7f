// Communicators: how their ranks agree on the next operation, and exchange its data.
//
// All data goes through rank 0. An operation runs in all ranks at once, and fails in all of them if the
// ranks do not call the same one.

#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "cuda.h"
#include "nccl.h"
#include "transport.h"

namespace emulator {

enum class Collective : int { all_reduce, all_gather, broadcast };

const char* name_of(Collective collective);
size_t size_of(DataType type);

// What must be the same in all ranks.
struct Call {
    Collective collective;
    DataType type;
    // Of broadcasts; 0 for others.
    int root;
    // The calls of the communicator are numbered, from 1. A call that is captured keeps its number in each
    // launch of the graph.
    uint64_t number;
    uint64_t count;

    size_t bytes() const { return count * size_of(type); }
};

// A call with its device memory.
struct Operation {
    Call call;
    CUdeviceptr send, receive;
};

class Communicator {
public:
    Communicator(CUcontext context, int rank, int ranks, std::vector<Descriptor> links);

    const CUcontext context;
    const int rank, ranks;
    // The number of calls that were queued or captured.
    uint64_t calls = 0;

    // For queued work.
    CUresult run(const Operation& operation);

    // Leaves the other ranks in the dark. Work in progress fails, and so does later work.
    void abort();
    // Tells the other ranks, whose further operations fail. Later work fails here, too.
    void leave();

    // The error of an operation, or a lost peer that was noticed.
    Result async_error() const;

private:
    // By rank; empty for this rank, and for ranks to which there is no connection.
    std::vector<Descriptor> links_;
    Interrupt ended_;
    std::atomic<const char*> end_{nullptr};
    std::atomic<Result> error_{Result::success};

    Problem exchange(const Operation& operation, char* send, char* receive);
    Problem agree(const Call& call);
    Problem agree_as_first(const Call& call);
    Problem agree_as_other(const Call& call);

    Problem all_reduce(const Call& call, const char* send, char* receive);
    Problem all_gather(const Call& call, const char* send, char* receive);
    Problem broadcast(const Call& call, const char* send, char* receive);

    Problem send_to(int peer, const void* data, size_t bytes);
    Problem receive_from(int peer, void* data, size_t bytes);
    Problem exchange_with_first(const void* send, size_t sent, void* receive, size_t received);
    Problem send_to_others(const void* data, size_t bytes, int except = 0);
    Problem add_from(int peer, float* sum, size_t count);

    void end(const char* how);
    Problem check_end() const;
    Problem check(Outcome outcome);
};

} // namespace emulator
