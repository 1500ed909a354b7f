// Sockets between the processes of one machine, with waits that end at a deadline or when another thread
// interrupts them.

#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace emulator {

// A file descriptor that is closed at the end.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    explicit operator bool() const { return number_ >= 0; }
    int number() const { return number_; }

private:
    int number_ = -1;

    int release() noexcept;
};

// Once raised, it stays raised.
class Interrupt {
public:
    Interrupt();
    void raise() const;
    // Returns when it is raised.
    void wait() const;
    int number() const { return event_.number(); }

private:
    Descriptor event_;
};

// What ends a wait early.
struct Limit {
    using Clock = std::chrono::steady_clock;
    const Interrupt* interrupt = nullptr;
    Clock::time_point deadline = Clock::time_point::max();
};

// How a transfer ended: `gone` if the other process has closed its end, or has ended.
enum class Outcome { done, gone, late, interrupted };

// Names are abstract: they belong to no file, and vanish with their sockets. A failed call returns an
// empty descriptor.
Descriptor listen_at(const std::string& name);
Descriptor connect_to(const std::string& name);
Outcome accept_from(const Descriptor& listener, Descriptor& accepted, const Limit& limit);

Outcome send_all(const Descriptor& to, const void* data, size_t bytes, const Limit& limit);
Outcome receive_all(const Descriptor& from, void* data, size_t bytes, const Limit& limit);

// Whether the other end is closed, and nothing is left to receive.
bool is_closed(const Descriptor& socket);
// Closes the connection, for all threads that use it; what was sent can still be received.
void hang_up(const Descriptor& socket);

} // namespace emulator
