// Runs a kernel over a grid: blocks one after the other, each CUDA thread on a fiber.
//
// A fiber takes the block's next unstarted thread and runs it to its end, then the next. Only where
// a thread waits at a barrier does another fiber go on with the threads that are left, so a kernel
// without barriers never switches. When all threads wait, they are resumed in the schedule's order.

#pragma once

#include <cstddef>
#include <string>

namespace emulator {

struct uint3 {
    unsigned x, y, z;
};
using dim3 = uint3;

// The coordinates of the CUDA thread that runs at this moment. Only one does.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

// An argument of a kernel, and where it lies in the kernel's structure of arguments.
struct Argument {
    const char* name;
    unsigned offset, size;
    // The alignment that a pointer's target needs, or 0 for what is passed by value.
    unsigned pointee;
    bool nullable;
};

// A kernel as the generated code describes it.
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

// The order of threads and blocks from now on.
void set_schedule(Schedule schedule);

// A permutation of 0..count in the present schedule's order, written to `order`.
void arrange(unsigned* order, size_t count);

struct Launch {
    const Kernel* kernel;
    dim3 grid, block;
};

// Runs all blocks. Returns what went wrong, or nothing.
std::string run_grid(const Launch& launch, const void* arguments);

// What follows is called by kernels.

// Waits until all threads of the block have come here.
void barrier(const char* file, int line);

// The threads of the block that runs, and how far they are.
struct Threads {
    const uint3* places;
    const unsigned* order;
    unsigned count, started, finished;
    // Of the last started.
    unsigned latest;
};
extern Threads threads;

// Makes the block's next thread the running one; false where all are started.
inline bool next_thread()
{
    if (threads.started == threads.count) return false;
    threads.latest = threads.order[threads.started++];
    threadIdx = threads.places[threads.latest];
    return true;
}

inline void end_thread() { ++threads.finished; }

// Makes a file's kernels known.
void add_kernels(const Kernel* kernels, size_t count);
const Kernel* find_kernel(const char* name);

} // namespace emulator
