#include "communicator.h"

#include <algorithm>
#include <cstring>

#include "services.h"

namespace emulator {

namespace {

// The messages with which ranks agree: a call to rank 0, or a farewell to all connected ranks; rank 0's
// answers.
struct Message {
    enum Kind : int { call, farewell, go_on, refusal } kind;
    Call of;
    // Of a refusal.
    char text[400];
};

bool same(const Call& a, const Call& b)
{
    return a.collective == b.collective && a.type == b.type && a.root == b.root && a.number == b.number
        && a.count == b.count;
}

std::string described(const Call& call, int rank)
{
    std::string text = name_of(call.collective);
    text += " of " + std::to_string(call.count) + " elements of type "
        + std::to_string(static_cast<int>(call.type));
    if (call.collective == Collective::broadcast) text += " from rank " + std::to_string(call.root);
    return text + " as operation " + std::to_string(call.number) + " on rank " + std::to_string(rank);
}

// What is wrong with the calls of all ranks; nothing if they are the same.
std::string disagreement(const std::vector<Message>& messages)
{
    const std::string first = described(messages[0].of, 0);
    for (size_t rank = 1; rank < messages.size(); ++rank) {
        const Message& message = messages[rank];
        if (message.kind == Message::farewell) {
            return first + ", but rank " + std::to_string(rank) + " has destroyed the communicator";
        }
        if (!same(message.of, messages[0].of)) return first + ", " + described(message.of, rank);
    }
    return {};
}

void copy(char* to, const char* from, size_t bytes)
{
    if (to != from) memcpy(to, from, bytes);
}

} // namespace

const char* name_of(Collective collective)
{
    switch (collective) {
    case Collective::all_reduce: return "ncclAllReduce";
    case Collective::all_gather: return "ncclAllGather";
    case Collective::broadcast: return "ncclBroadcast";
    }
    return "?";
}

size_t size_of(DataType type) { return type == DataType::int8 || type == DataType::uint8 ? 1 : 4; }

Communicator::Communicator(CUcontext of, int own_rank, int count, std::vector<Descriptor> links)
    : context(of), rank(own_rank), ranks(count), links_(std::move(links))
{
}

CUresult Communicator::run(const Operation& operation)
{
    const Call& call = operation.call;
    const char* name = name_of(call.collective);
    const bool sends = call.collective != Collective::broadcast || call.root == rank;
    const size_t gathered = call.collective == Collective::all_gather ? ranks : 1;
    const size_t sent = sends ? call.bytes() : 0, received = call.bytes() * gathered;
    char* send = service_memory(context, operation.send, sent);
    if (!send && sent) return service_bad_operand(name, "sendbuff", operation.send);
    char* receive = service_memory(context, operation.receive, received);
    if (!receive && received) return service_bad_operand(name, "recvbuff", operation.receive);
    const Problem problem = exchange(operation, send, receive);
    if (!problem) return CUDA_SUCCESS;
    error_ = problem.result;
    return service_fail(CUDA_ERROR_LAUNCH_FAILED, name + (": " + problem.text));
}

Problem Communicator::exchange(const Operation& operation, char* send, char* receive)
{
    const Call& call = operation.call;
    if (const Problem problem = check_end()) return problem;
    if (const Problem problem = agree(call)) return problem;
    switch (call.collective) {
    case Collective::all_reduce: return all_reduce(call, send, receive);
    case Collective::all_gather: return all_gather(call, send, receive);
    case Collective::broadcast: return broadcast(call, send, receive);
    }
    return {};
}

// Nobody sends data before all have made the same call, so a difference leaves nothing in the sockets.
Problem Communicator::agree(const Call& call) { return rank ? agree_as_other(call) : agree_as_first(call); }

Problem Communicator::agree_as_first(const Call& call)
{
    std::vector<Message> messages(ranks, Message{Message::call, call, {}});
    for (int peer = 1; peer < ranks; ++peer) {
        const Problem problem = receive_from(peer, &messages[peer], sizeof messages[peer]);
        if (problem) return problem;
    }
    const std::string difference = disagreement(messages);
    Message answer = {difference.empty() ? Message::go_on : Message::refusal, call, {}};
    difference.copy(answer.text, sizeof answer.text - 1);
    // The answer fits into the connection's buffer. Who has left since does not need it.
    for (int peer = 1; peer < ranks; ++peer) send_all(links_[peer], &answer, sizeof answer, {});
    if (difference.empty()) return {};
    return {Result::invalid_usage, difference};
}

Problem Communicator::agree_as_other(const Call& call)
{
    Message message = {Message::call, call, {}};
    // If rank 0 has left, its farewell is still there to be received.
    send_all(links_[0], &message, sizeof message, {});
    if (const Problem problem = receive_from(0, &message, sizeof message)) return problem;
    switch (message.kind) {
    case Message::farewell:
        return {Result::invalid_usage,
            described(call, rank) + ", but rank 0 has destroyed the communicator"};
    case Message::refusal: return {Result::invalid_usage, message.text};
    default: return {};
    }
}

// Adds in the order of the ranks, in one place, so that all get the same bits.
Problem Communicator::all_reduce(const Call& call, const char* send, char* receive)
{
    if (rank) return exchange_with_first(send, call.bytes(), receive, call.bytes());
    copy(receive, send, call.bytes());
    for (int peer = 1; peer < ranks; ++peer) {
        const Problem problem = add_from(peer, reinterpret_cast<float*>(receive), call.count);
        if (problem) return problem;
    }
    return send_to_others(receive, call.bytes());
}

Problem Communicator::all_gather(const Call& call, const char* send, char* receive)
{
    const size_t part = call.bytes(), all = part * ranks;
    if (rank) return exchange_with_first(send, part, receive, all);
    copy(receive, send, part);
    for (int peer = 1; peer < ranks; ++peer) {
        if (const Problem problem = receive_from(peer, receive + peer * part, part)) return problem;
    }
    return send_to_others(receive, all);
}

Problem Communicator::broadcast(const Call& call, const char* send, char* receive)
{
    const size_t bytes = call.bytes();
    if (rank == call.root) copy(receive, send, bytes);
    if (rank) return rank == call.root ? send_to(0, send, bytes) : receive_from(0, receive, bytes);
    if (call.root) {
        if (const Problem problem = receive_from(call.root, receive, bytes)) return problem;
    }
    return send_to_others(receive, bytes, call.root);
}

Problem Communicator::send_to(int peer, const void* data, size_t bytes)
{
    return check(send_all(links_[peer], data, bytes, {&ended_}));
}

Problem Communicator::receive_from(int peer, void* data, size_t bytes)
{
    return check(receive_all(links_[peer], data, bytes, {&ended_}));
}

// Rank 0 receives from all ranks before it sends.
Problem Communicator::exchange_with_first(const void* send, size_t sent, void* receive, size_t received)
{
    if (const Problem problem = send_to(0, send, sent)) return problem;
    return receive_from(0, receive, received);
}

Problem Communicator::send_to_others(const void* data, size_t bytes, int except)
{
    for (int peer = 1; peer < ranks; ++peer) {
        if (peer == except) continue;
        if (const Problem problem = send_to(peer, data, bytes)) return problem;
    }
    return {};
}

Problem Communicator::add_from(int peer, float* sum, size_t count)
{
    std::vector<float> received(std::min<size_t>(count, 1 << 16));
    while (count) {
        const size_t part = std::min(count, received.size());
        const Problem problem = receive_from(peer, received.data(), part * sizeof(float));
        if (problem) return problem;
        for (size_t i = 0; i < part; ++i) sum[i] += received[i];
        sum += part;
        count -= part;
    }
    return {};
}

void Communicator::abort()
{
    end("the communicator was aborted");
    for (const Descriptor& link : links_) {
        if (link) hang_up(link);
    }
}

void Communicator::leave()
{
    end("the communicator was destroyed");
    const Message farewell = {Message::farewell, {}, {}};
    for (const Descriptor& link : links_) {
        if (!link) continue;
        send_all(link, &farewell, sizeof farewell, {&ended_});
        hang_up(link);
    }
}

// The reason is there before the interrupt that makes other threads read it.
void Communicator::end(const char* how)
{
    end_ = how;
    ended_.raise();
}

Problem Communicator::check_end() const
{
    const char* how = end_;
    return how ? Problem{Result::remote_error, how} : Problem{};
}

// As NCCL may do, waits for a lost peer forever, unless the communicator is aborted.
Problem Communicator::check(Outcome outcome)
{
    if (outcome == Outcome::done) return {};
    if (outcome == Outcome::gone && !end_) {
        error_ = Result::remote_error;
        ended_.wait();
    }
    return check_end();
}

Result Communicator::async_error() const
{
    const Result error = error_;
    if (error != Result::success) return error;
    const bool lost = std::any_of(links_.begin(), links_.end(),
        [](const Descriptor& link) { return link && is_closed(link); });
    return lost ? Result::remote_error : Result::success;
}

} // namespace emulator
