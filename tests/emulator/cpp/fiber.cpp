#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#ifdef EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// Saves the callee-saved registers, stores the stack pointer in *save, switches to the other stack and
// restores the registers saved there.
extern "C" void emulator_switch(void** save, void* load);

#if defined(__x86_64__)
asm(R"(
    .text
    .globl emulator_switch
    .hidden emulator_switch
    .type emulator_switch, @function
emulator_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulator_switch, .-emulator_switch
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl emulator_switch
    .hidden emulator_switch
    .type emulator_switch, %function
emulator_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size emulator_switch, .-emulator_switch
)");
#endif

namespace emulator {

namespace {

// Large enough for a sanitizer's report, which runs on the fiber that caused it. Untouched pages cost
// nothing. The first page is a guard page.
constexpr size_t STACK_SIZE = 256 * 1024;

// Stacks that start at the same page offset would share few cache sets.
constexpr size_t COLOURS = 32, COLOUR_SIZE = 64;

// The fibers that the latest switch left and entered.
Fiber *left, *entered;

} // namespace

Fiber::Fiber(void (*entry)(), unsigned number) : entry_(entry)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    void* stack = mmap(nullptr, STACK_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0) {
        perror("emulated CUDA: no memory for the stacks of threads");
        abort();
    }
    stack_ = static_cast<char*>(stack);
    top_ = stack_ + STACK_SIZE - number % COLOURS * COLOUR_SIZE;
    restart();
}

Fiber::~Fiber()
{
    if (stack_) munmap(stack_, STACK_SIZE);
}

// The first action of an entered fiber.
void Fiber::arrive()
{
#ifdef EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(entered->fake_stack_, &left->bottom_, &left->size_);
#endif
}

void Fiber::begin()
{
    arrive();
    entered->entry_();
    abort();
}

void Fiber::restart()
{
    prepare();
#ifdef EMULATOR_ASAN
    bottom_ = stack_;
    size_ = STACK_SIZE;
    fake_stack_ = nullptr;
    ASAN_UNPOISON_MEMORY_REGION(stack_, STACK_SIZE);
#endif
}

#ifdef EMULATOR_UCONTEXT

void Fiber::prepare()
{
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_;
    context_.uc_stack.ss_size = top_ - stack_;
    makecontext(&context_, &Fiber::begin, 0);
}

void Fiber::jump(Fiber& from) { swapcontext(&from.context_, &context_); }

#else

void Fiber::prepare()
{
// The stack as emulator_switch leaves it: saved registers and a return address.
    void** frame = reinterpret_cast<void**>(top_);
#if defined(__x86_64__)
    *--frame = nullptr;
    *--frame = reinterpret_cast<void*>(&Fiber::begin);
    for (int i = 0; i < 6; ++i) *--frame = nullptr;
#else
    for (int i = 0; i < 20; ++i) *--frame = nullptr;
    frame[11] = reinterpret_cast<void*>(&Fiber::begin);
#endif
    stack_pointer_ = frame;
}

void Fiber::jump(Fiber& from) { emulator_switch(&from.stack_pointer_, stack_pointer_); }

#endif

void Fiber::resume_from(Fiber& from)
{
    left = &from;
    entered = this;
#ifdef EMULATOR_ASAN
    __sanitizer_start_switch_fiber(&from.fake_stack_, bottom_, size_);
#endif
    jump(from);
    arrive();
}

} // namespace emulator
