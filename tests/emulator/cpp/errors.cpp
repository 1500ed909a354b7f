// Errors: their names and descriptions, and details from the emulator.

#include <cstdarg>
#include <cstdio>
#include <set>

#include "driver.h"

namespace emulator {

namespace {

// The detail of this thread's latest failure.
thread_local CUresult latest = CUDA_SUCCESS;
thread_local std::string latest_detail;

struct Result {
    CUresult code;
    const char *name, *explanation;
};

const Result RESULTS[] = {
#define EMULATOR_RESULT(number, name, explanation) {name, #name, explanation},
    EMULATOR_RESULTS(EMULATOR_RESULT)
#undef EMULATOR_RESULT
};

const Result* find_result(CUresult code)
{
    for (const Result& result : RESULTS) {
        if (result.code == code) return &result;
    }
    return nullptr;
}

} // namespace

CUresult fail(CUresult code, const std::string& detail)
{
    latest = code;
    latest_detail = detail;
    return code;
}

CUresult fail(CUresult code) { return fail(code, std::string()); }

CUresult fail(CUresult code, const char* format, ...)
{
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return fail(code, std::string(buffer));
}

void fail_context(Context& context, CUresult code)
{
    context.failure = code;
    context.failure_detail = latest_detail;
    fprintf(stderr, "emulated CUDA: %s\n", latest_detail.c_str());
}

EMULATOR_API CUresult cuGetErrorName(CUresult code, const char** name)
{
    const Result* result = find_result(code);
    *name = result ? result->name : nullptr;
    return result ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// The strings live as long as the process.
EMULATOR_API CUresult cuGetErrorString(CUresult code, const char** text)
{
    const Result* result = find_result(code);
    *text = result ? result->explanation : nullptr;
    if (result && code == latest && !latest_detail.empty()) {
        static std::set<std::string> texts;
        const std::lock_guard<std::recursive_mutex> guard(driver_lock());
        *text = texts.insert(result->explanation + (": " + latest_detail)).first->c_str();
    }
    return result ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

} // namespace emulator
