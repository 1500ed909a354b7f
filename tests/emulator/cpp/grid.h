// Runs a kernel over a grid: blocks one after the other, each CUDA thread on a fiber.
//
// A fiber runs the block's next unstarted thread to its end, then the next one. If a thread waits at a
// barrier, another fiber continues with the remaining threads, so a kernel without barriers never
// switches. When all threads wait, they are resumed in the schedule's order.

#pragma once

#include <cstddef>
#include <string>

namespace emulator {

struct uint3 {
    unsigned x, y, z;
};
using dim3 = uint3;

// The coordinates of the running CUDA thread. Only one runs at a time.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

// An argument of a kernel, and its offset in the kernel's struct of arguments.
struct Argument {
    const char* name;
    unsigned offset, size;
    // The alignment that a pointer's target needs, or 0 for what is passed by value.
    unsigned pointee;
    bool nullable;
};

// A kernel, as described by the generated code.
struct Kernel {
    const char* name;
    const Argument* arguments;
    unsigned argument_count, argument_size;
    // Runs threads until next_thread() has none left.
    void (*run)(const void* arguments);
    // The section of the file's shared variables, or null.
    char *shared_begin, *shared_end;
};

enum class Schedule { ascending, descending, shuffled };

// The order of threads and blocks.
void set_schedule(Schedule schedule);

// Writes a permutation of 0..count in the current schedule's order to `order`.
void arrange(unsigned* order, size_t count);

struct Launch {
    const Kernel* kernel;
    dim3 grid, block;
    // Whether the kernel may start before the one before it ends.
    bool early;
};

// Runs all blocks. Returns an error message, or nothing.
std::string run_grid(const Launch& launch, const void* arguments);

// The following functions are called by kernels.

// Waits until all threads of the block have reached the barrier.
void barrier(const char* file, int line);

// The threads of the running block, and their progress.
struct Threads {
    const uint3* places;
    const unsigned* order;
    unsigned count, started, finished;
    // Those that waited for the kernel before.
    unsigned waited;
    // Of the last started.
    unsigned latest;
};
extern Threads threads;

// Makes the block's next thread the running one; false if all have been started.
inline bool next_thread()
{
    if (threads.started == threads.count) return false;
    threads.latest = threads.order[threads.started++];
    threadIdx = threads.places[threads.latest];
    return true;
}

inline void end_thread() { ++threads.finished; }

// Kernels run one after the other: the wait for the kernel before is only counted.
inline void wait_for_kernel_before() { ++threads.waited; }

// Registers a file's kernels.
void add_kernels(const Kernel* kernels, size_t count);
const Kernel* find_kernel(const char* name);

} // namespace emulator
