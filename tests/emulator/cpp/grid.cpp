#include "grid.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "fiber.h"

namespace emulator {

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
Threads threads;

namespace {

const Kernel* running_kernel;
const void* running_arguments;

// The host's fiber, and the fiber that runs a CUDA thread.
Fiber host;
Fiber* current;
// All fibers, and the idle ones. There are never more than threads in a block.
std::vector<std::unique_ptr<Fiber>> all;
std::vector<Fiber*> idle;
// Fibers whose threads wait at a barrier; and those that are being resumed.
std::vector<Fiber*> waiting, resumed;
size_t next_resumed;

Schedule chosen = Schedule::ascending;
// Reseeded for each launch, so that failures are reproducible.
std::minstd_rand random_numbers;

void serve();

Fiber& take()
{
    if (idle.empty()) {
        all.push_back(std::make_unique<Fiber>(serve, all.size()));
        idle.push_back(all.back().get());
    }
    Fiber& fiber = *idle.back();
    idle.pop_back();
    return fiber;
}

// Switches to the next fiber that has work, or to the host.
void leave()
{
    Fiber& left = *current;
    if (threads.started < threads.count) {
        current = &take();
    } else if (next_resumed < resumed.size()) {
        current = resumed[next_resumed++];
    } else {
        host.resume_from(left);
        return;
    }
    current->resume_from(left);
}

// A fiber's loop: runs threads until all have been started.
void serve()
{
    for (;;) {
        running_kernel->run(running_arguments);
        Fiber& fiber = *current;
        idle.push_back(&fiber);
        leave();
    }
}

// Continues a fiber, and all others that can run, until each has finished or waits.
void run(Fiber& fiber)
{
    current = &fiber;
    fiber.resume_from(host);
}

// After a failure: waiting threads are never resumed.
void abandon()
{
    for (Fiber* fiber : waiting) {
        fiber->restart();
        idle.push_back(fiber);
    }
    waiting.clear();
}

std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string text(const char* format, ...)
{
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

std::string place_of(const Fiber& fiber)
{
    const uint3 at = threads.places[fiber.thread];
    return text("thread (%u, %u, %u) waits at %s:%d", at.x, at.y, at.z, fiber.file, fiber.line);
}

// All threads of a block must wait at the same barrier; otherwise the message says which threads wait
// where.
std::string divergence()
{
    const Fiber& first = *waiting.front();
    const auto elsewhere = [&](const Fiber* other) {
        const bool same_file = other->file == first.file || !strcmp(other->file, first.file);
        return other->line != first.line || !same_file;
    };
    const auto other = std::find_if(waiting.begin(), waiting.end(), elsewhere);
    if (threads.finished == 0 && other == waiting.end()) return {};
    const std::string rest = threads.finished > 0
        ? text("which %u of %u threads never reach", threads.finished, threads.count)
        : place_of(**other);
    return text("kernel `%s`, block (%u, %u, %u): %s, %s", running_kernel->name, blockIdx.x, blockIdx.y,
        blockIdx.z, place_of(first).c_str(), rest.c_str());
}

// Before a block its shared memory holds NaN, or large numbers. AddressSanitizer keeps memory
// between the variables of a section, which its memset would not allow to be overwritten.
__attribute__((no_sanitize("address"))) void spoil(char* begin, char* end)
{
#ifdef EMULATOR_ASAN
    for (volatile char* byte = begin; byte != end; ++byte) *byte = '\xff';
#else
    memset(begin, 0xff, end - begin);
#endif
}

std::string run_block()
{
    threads.started = threads.finished = threads.waited = 0;
    resumed.clear();
    next_resumed = 0;
    run(take());
    while (!waiting.empty()) {
        std::string problem = divergence();
        if (!problem.empty()) return problem;
        resumed.swap(waiting);
        waiting.clear();
        next_resumed = 1;
        // They wait in the order in which they came, which is the schedule's.
        if (chosen == Schedule::shuffled) {
            std::shuffle(resumed.begin(), resumed.end(), random_numbers);
        }
        run(*resumed.front());
    }
    return {};
}

// The coordinates of a block's threads, x first.
std::vector<uint3> places_of(dim3 block)
{
    std::vector<uint3> places;
    places.reserve(block.x * block.y * block.z);
    for (unsigned z = 0; z < block.z; ++z) {
        for (unsigned y = 0; y < block.y; ++y) {
            for (unsigned x = 0; x < block.x; ++x) places.push_back({x, y, z});
        }
    }
    return places;
}

std::map<std::string, const Kernel*>& kernels()
{
    static std::map<std::string, const Kernel*> by_name;
    return by_name;
}

} // namespace

void set_schedule(Schedule schedule) { chosen = schedule; }

void arrange(unsigned* order, size_t count)
{
    for (size_t i = 0; i < count; ++i) order[i] = i;
    if (chosen == Schedule::descending) std::reverse(order, order + count);
    if (chosen == Schedule::shuffled) std::shuffle(order, order + count, random_numbers);
}

std::string run_grid(const Launch& launch, const void* arguments)
{
    running_kernel = launch.kernel;
    running_arguments = arguments;
    gridDim = launch.grid;
    blockDim = launch.block;
    random_numbers.seed(1);
    const std::vector<uint3> places = places_of(launch.block);
    std::vector<unsigned> blocks(size_t(gridDim.x) * gridDim.y * gridDim.z), order(places.size());
    arrange(blocks.data(), blocks.size());
    arrange(order.data(), order.size());
    threads.places = places.data();
    threads.order = order.data();
    threads.count = places.size();
    for (const unsigned block : blocks) {
        blockIdx = {block % gridDim.x, block / gridDim.x % gridDim.y, block / gridDim.x / gridDim.y};
        spoil(launch.kernel->shared_begin, launch.kernel->shared_end);
        const std::string problem = run_block();
        abandon();
        if (!problem.empty()) return problem;
        if (launch.early && threads.waited < threads.count) {
            return text("kernel `%s` may start early, but %u of %u threads did not wait for the kernel before it",
                launch.kernel->name, threads.count - threads.waited, threads.count);
        }
    }
    return {};
}

void barrier(const char* file, int line)
{
    Fiber& fiber = *current;
    fiber.thread = threads.latest;
    fiber.file = file;
    fiber.line = line;
    waiting.push_back(&fiber);
    leave();
    threads.latest = fiber.thread;
    threadIdx = threads.places[fiber.thread];
}

void add_kernels(const Kernel* first, size_t count)
{
    for (const Kernel* kernel = first; kernel != first + count; ++kernel) {
        kernels()[kernel->name] = kernel;
    }
}

const Kernel* find_kernel(const char* name)
{
    const auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : found->second;
}

} // namespace emulator
