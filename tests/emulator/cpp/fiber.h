// Fibers: threads with cooperative scheduling, each with its own stack; a switch takes a few
// instructions.

#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATOR_ASAN 1
#endif
#endif

// Other processors use the system's slower context switch.
#if !defined(__x86_64__) && !defined(__aarch64__)
#define EMULATOR_UCONTEXT 1
#endif
#ifdef EMULATOR_UCONTEXT
#include <ucontext.h>
#endif

namespace emulator {

class Fiber {
public:
    // The thread of the host that is running now; it brings its own stack.
    Fiber() = default;
// A fiber that runs `entry`, which must not return. `number` offsets the stack.
    Fiber(void (*entry)(), unsigned number);
    Fiber(const Fiber&) = delete;
    ~Fiber();

// Switches from `from`, the running fiber, to this one.
    void resume_from(Fiber& from);
// Resets the fiber: the next resume starts `entry` again.
    void restart();

    // The CUDA thread on it, and the barrier where that waits.
    unsigned thread = 0;
    const char* file = nullptr;
    int line = 0;

private:
    static void arrive();
    static void begin();
    void prepare();
    void jump(Fiber& from);

    char* stack_ = nullptr;
    char* top_ = nullptr;
    void (*entry_)() = nullptr;
#ifdef EMULATOR_UCONTEXT
    ucontext_t context_ = {};
#else
    void* stack_pointer_ = nullptr;
#endif
#ifdef EMULATOR_ASAN
    void* fake_stack_ = nullptr;
    const void* bottom_ = nullptr;
    size_t size_ = 0;
#endif
};

} // namespace emulator
