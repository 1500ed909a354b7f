#include "transport.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace emulator {

namespace {

// Larger buffers let a sender go on while the receiver is busy; the system may allow less.
constexpr int BUFFER = 1 << 20;

struct Address {
    sockaddr_un data = {};
    socklen_t length = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&data); }
};

// An abstract name begins with a zero byte.
Address address_of(const std::string& name)
{
    Address address;
    address.data.sun_family = AF_UNIX;
    const size_t length = name.copy(address.data.sun_path + 1, sizeof address.data.sun_path - 1);
    address.length = offsetof(sockaddr_un, sun_path) + 1 + length;
    return address;
}

// Not inherited by programs that this process starts: they would keep a connection open after its end.
Descriptor new_socket() { return Descriptor(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

void enlarge_buffers(const Descriptor& socket)
{
    setsockopt(socket.number(), SOL_SOCKET, SO_SNDBUF, &BUFFER, sizeof BUFFER);
}

// Milliseconds until the deadline, for poll(): rounded up, or -1 for no deadline.
int time_left(const Limit& limit)
{
    using namespace std::chrono;
    if (limit.deadline == Limit::Clock::time_point::max()) return -1;
    const auto left = ceil<milliseconds>(limit.deadline - Limit::Clock::now());
    return left.count() > 0 ? left.count() : 0;
}

// Waits until the socket is ready for `events`, which includes that it is closed.
Outcome wait_for(const Descriptor& socket, short events, const Limit& limit)
{
    pollfd both[] = {{socket.number(), events, 0},
        {limit.interrupt ? limit.interrupt->number() : -1, POLLIN, 0}};
    for (;;) {
        const int ready = poll(both, 2, time_left(limit));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return Outcome::gone;
        if (both[1].revents) return Outcome::interrupted;
        return ready ? Outcome::done : Outcome::late;
    }
}

// Calls `transfer(done)`, which returns the number of bytes, until all are transferred.
template <class Transfer>
Outcome repeat(const Descriptor& socket, short events, size_t bytes, const Limit& limit, Transfer transfer)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t moved = transfer(done);
        if (moved > 0) {
            done += moved;
            continue;
        }
        if (moved < 0 && errno == EINTR) continue;
        if (moved == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return Outcome::gone;
        const Outcome waited = wait_for(socket, events, limit);
        if (waited != Outcome::done) return waited;
    }
    return Outcome::done;
}

} // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept
{
    if (number_ >= 0) close(number_);
    number_ = other.release();
    return *this;
}

Descriptor::~Descriptor()
{
    if (number_ >= 0) close(number_);
}

int Descriptor::release() noexcept
{
    const int number = number_;
    number_ = -1;
    return number;
}

Interrupt::Interrupt() : event_(eventfd(0, EFD_CLOEXEC)) {}

void Interrupt::raise() const
{
    const uint64_t one = 1;
    while (write(event_.number(), &one, sizeof one) < 0 && errno == EINTR) {}
}

// The event is not read, so that it ends all further waits as well.
void Interrupt::wait() const { wait_for(event_, POLLIN, {}); }

Descriptor listen_at(const std::string& name)
{
    Descriptor listener = new_socket();
    const Address address = address_of(name);
    if (!listener || bind(listener.number(), address.get(), address.length)) return {};
    if (listen(listener.number(), SOMAXCONN)) return {};
    return listener;
}

Descriptor connect_to(const std::string& name)
{
    Descriptor socket = new_socket();
    const Address address = address_of(name);
    if (!socket || connect(socket.number(), address.get(), address.length)) return {};
    enlarge_buffers(socket);
    return socket;
}

Outcome accept_from(const Descriptor& listener, Descriptor& accepted, const Limit& limit)
{
    const Outcome waited = wait_for(listener, POLLIN, limit);
    if (waited != Outcome::done) return waited;
    accepted = Descriptor(accept4(listener.number(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted) return Outcome::gone;
    enlarge_buffers(accepted);
    return Outcome::done;
}

Outcome send_all(const Descriptor& to, const void* data, size_t bytes, const Limit& limit)
{
    const char* from = static_cast<const char*>(data);
    return repeat(to, POLLOUT, bytes, limit, [&](size_t done) {
        return send(to.number(), from + done, bytes - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    });
}

Outcome receive_all(const Descriptor& from, void* data, size_t bytes, const Limit& limit)
{
    char* to = static_cast<char*>(data);
    return repeat(from, POLLIN, bytes, limit, [&](size_t done) {
        return recv(from.number(), to + done, bytes - done, MSG_DONTWAIT);
    });
}

bool is_closed(const Descriptor& socket)
{
    char next;
    const ssize_t seen = recv(socket.number(), &next, 1, MSG_DONTWAIT | MSG_PEEK);
    return seen == 0 || (seen < 0 && errno == ECONNRESET);
}

void hang_up(const Descriptor& socket) { shutdown(socket.number(), SHUT_RDWR); }

} // namespace emulator
