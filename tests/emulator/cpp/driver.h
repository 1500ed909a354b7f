// The driver's state: contexts, streams, errors, and the lock that protects it.

#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "cuda.h"

namespace emulator {

// Handles are addresses of objects; only registered ones are valid.
template <class T>
class Registry {
public:
    auto begin() const { return objects_.begin(); }
    auto end() const { return objects_.end(); }
    void clear() { objects_.clear(); }
    T* add(std::shared_ptr<T> object)
    {
        T* handle = object.get();
        objects_.emplace(handle, std::move(object));
        return handle;
    }
    std::shared_ptr<T> find(T* handle) const
    {
        const auto found = objects_.find(handle);
        return found == objects_.end() ? nullptr : found->second;
    }
    bool remove(T* handle) { return objects_.erase(handle) > 0; }

private:
    std::unordered_map<T*, std::shared_ptr<T>> objects_;
};

// A device's primary context, the only one it has. It lives as long as the process, and is empty
// while it is not retained.
class Context {
public:
    explicit Context(CUdevice ordinal) : device(ordinal) {}

    const CUdevice device;
    unsigned references = 0;
    // Bytes allocated.
    size_t used = 0;
// The first error of queued work; every later call returns it.
    CUresult failure = CUDA_SUCCESS;
    std::string failure_detail;

    // The default stream.
    std::shared_ptr<Stream> legacy;
    Registry<Stream> streams;
    Registry<Event> events;
    Registry<Module> modules;
    Registry<Graph> graphs, executables;
};

// The context of the calling thread of the host, or null.
Context*& current_context();

// The error of a call. The next cuGetErrorString on this thread adds the detail to the error's
// description.
CUresult fail(CUresult code);
CUresult fail(CUresult code, const char* detail, ...) __attribute__((format(printf, 2, 3)));
CUresult fail(CUresult code, const std::string& detail);

// Records that queued work failed.
void fail_context(Context& context, CUresult code);

bool initialised();
std::recursive_mutex& driver_lock();

// A call that needs a context. One call runs at a time, and so does one CUDA thread.
template <class Body>
CUresult with_context(Body body)
{
    const std::lock_guard<std::recursive_mutex> guard(driver_lock());
    if (!initialised()) return fail(CUDA_ERROR_NOT_INITIALIZED);
    Context* context = current_context();
    if (!context || !context->references) return fail(CUDA_ERROR_INVALID_CONTEXT);
    if (context->failure) return fail(context->failure, context->failure_detail);
    return body(*context);
}

} // namespace emulator
