#include "meeting.h"

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <random>

#include "environment.h"

namespace emulator {

namespace {

constexpr const char* PREFIX = "emulated-nccl-";

// The sockets of this process that wait for a rank 0, by name.
std::mutex lock;
std::map<std::string, Descriptor> listeners;

uint64_t random_number()
{
    std::random_device source;
    return uint64_t(source()) << 32 | source();
}

// Tells processes apart, unlike their numbers in containers.
uint64_t this_process()
{
    static const uint64_t number = random_number();
    return number;
}

// The first message of a rank.
struct Greeting {
    Member member;
    uint64_t host, process;
};

Greeting greeting_of(const Member& member)
{
    return {member, std::hash<std::string>()(environment::host()), this_process()};
}

// Rank 0's answer.
struct Answer {
    Result result;
    char text[252];
};

Answer answer_with(const Problem& problem)
{
    Answer answer = {problem.result, {}};
    problem.text.copy(answer.text, sizeof answer.text - 1);
    return answer;
}

Problem late(const std::string& who)
{
    const std::string seconds = std::to_string(environment::meeting_seconds());
    return {Result::system_error, "ncclCommInitRank: " + who + " within " + seconds + " seconds"};
}

// The words are NCCL's, where it has this error.
Problem check_pair(const Greeting& a, const Greeting& b)
{
    const auto refuse = [](const std::string& text) { return Problem{Result::invalid_usage, text}; };
    const std::string first = std::to_string(a.member.rank), second = std::to_string(b.member.rank);
    if (a.member.rank == b.member.rank) {
        return refuse("Bootstrap Root : rank " + first + " of " + std::to_string(a.member.ranks)
            + " ranks has already checked in");
    }
    if (a.host == b.host && a.member.device == b.member.device) {
        return refuse("Duplicate GPU detected : rank " + first + " and rank " + second
            + " both on CUDA device " + std::to_string(a.member.device));
    }
    if (a.process == b.process) {
        return refuse("rank " + first + " and rank " + second
            + " are in one process; emulated, each needs a process of its own");
    }
    return {};
}

// Rank 0's side: those who have come, in the order in which they came.
class Host {
public:
    // The first guest is rank 0 itself, without a connection.
    explicit Host(const Member& self) { guests_.push_back({greeting_of(self), {}}); }

    Problem receive(const Descriptor& listener, const Limit& limit)
    {
        const Problem problem = receive_all_ranks(listener, limit);
        tell(answer_with(problem));
        return problem;
    }

    // By rank.
    std::vector<Descriptor> links()
    {
        std::vector<Descriptor> links(guests_.size());
        for (Guest& guest : guests_) links[guest.greeting.member.rank] = std::move(guest.link);
        return links;
    }

private:
    struct Guest {
        Greeting greeting;
        Descriptor link;
    };
    std::vector<Guest> guests_;

    const Member& self() const { return guests_[0].greeting.member; }

    Problem receive_all_ranks(const Descriptor& listener, const Limit& limit)
    {
        while (guests_.size() < size_t(self().ranks)) {
            if (const Problem problem = admit(listener, limit)) return problem;
        }
        for (size_t i = 0; i < guests_.size(); ++i) {
            for (size_t j = 0; j < i; ++j) {
                const Problem problem = check_pair(guests_[j].greeting, guests_[i].greeting);
                if (problem) return problem;
            }
        }
        return {};
    }

    // Who leaves before saying who it is does not count.
    Problem admit(const Descriptor& listener, const Limit& limit)
    {
        Guest guest;
        Outcome outcome = accept_from(listener, guest.link, limit);
        if (outcome == Outcome::done) {
            outcome = receive_all(guest.link, &guest.greeting, sizeof guest.greeting, limit);
        }
        if (outcome == Outcome::late) {
            return late("only " + std::to_string(guests_.size()) + " of " + std::to_string(self().ranks)
                + " ranks came");
        }
        if (outcome != Outcome::done) return {};
        guests_.push_back(std::move(guest));
        return check_count(guests_.back().greeting.member);
    }

    // With another number of ranks, waiting for the others could be in vain.
    Problem check_count(const Member& guest) const
    {
        if (guest.ranks == self().ranks) return {};
        return {Result::invalid_usage, "Bootstrap Root : mismatch in rank count from procs "
                + std::to_string(self().ranks) + " : " + std::to_string(guest.ranks)};
    }

    // An answer fits into the connection's buffer; who has left since does not need it.
    void tell(const Answer& answer) const
    {
        for (const Guest& guest : guests_) {
            if (guest.link) send_all(guest.link, &answer, sizeof answer, {});
        }
    }
};

// The socket of an ID, which serves once; empty if this process has none.
Descriptor take_listener(const std::string& name)
{
    const std::lock_guard<std::mutex> guard(lock);
    const auto found = listeners.find(name);
    if (found == listeners.end()) return {};
    Descriptor listener = std::move(found->second);
    listeners.erase(found);
    return listener;
}

Problem wait_as_host(const std::string& name, const Member& self, const Limit& limit,
    std::vector<Descriptor>& links)
{
    const Descriptor listener = take_listener(name);
    if (!listener) {
        return {Result::invalid_usage,
            "ncclCommInitRank: emulated, rank 0 is the process that called ncclGetUniqueId, and an ID "
            "serves once"};
    }
    Host host(self);
    const Problem problem = host.receive(listener, limit);
    if (!problem) links = host.links();
    return problem;
}

Problem wait_as_guest(const std::string& name, const Member& self, const Limit& limit,
    std::vector<Descriptor>& links)
{
    Descriptor link = connect_to(name);
    if (!link) return {Result::system_error, "ncclCommInitRank: no rank 0 waits at this ID"};
    const Greeting greeting = greeting_of(self);
    Answer answer;
    Outcome outcome = send_all(link, &greeting, sizeof greeting, limit);
    if (outcome == Outcome::done) outcome = receive_all(link, &answer, sizeof answer, limit);
    if (outcome == Outcome::late) return late("not all ranks came");
    if (outcome != Outcome::done) {
        return {Result::remote_error, "ncclCommInitRank: rank 0 has left, or has all its ranks"};
    }
    links.push_back(std::move(link));
    return {answer.result, answer.text};
}

} // namespace

Problem invite(UniqueId& id)
{
    id = {};
    snprintf(id.internal, sizeof id.internal, "%s%016llx%016llx", PREFIX,
        static_cast<unsigned long long>(random_number()), static_cast<unsigned long long>(random_number()));
    Descriptor listener = listen_at(id.internal);
    if (!listener) return {Result::system_error, "ncclGetUniqueId: cannot listen at a socket"};
    const std::lock_guard<std::mutex> guard(lock);
    listeners[id.internal] = std::move(listener);
    return {};
}

Problem meet(const UniqueId& id, const Member& self, std::vector<Descriptor>& links)
{
    const std::string name(id.internal, strnlen(id.internal, sizeof id.internal));
    if (name.compare(0, strlen(PREFIX), PREFIX)) {
        return {Result::invalid_argument, "ncclCommInitRank: not an ID of ncclGetUniqueId"};
    }
    const std::chrono::seconds patience(environment::meeting_seconds());
    const Limit limit = {nullptr, Limit::Clock::now() + patience};
    return self.rank ? wait_as_guest(name, self, limit, links) : wait_as_host(name, self, limit, links);
}

} // namespace emulator
