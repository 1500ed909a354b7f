// The part of NCCL's API that the emulator implements, with NCCL's numbers
// (https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/api.html).

#pragma once

#include <string>

namespace emulator {

enum class Result : int {
    success = 0,
    unhandled_cuda_error = 1,
    system_error = 2,
    internal_error = 3,
    invalid_argument = 4,
    invalid_usage = 5,
    remote_error = 6,
    in_progress = 7,
};

enum class DataType : int { int8 = 0, uint8 = 1, int32 = 2, uint32 = 3, float32 = 7 };

constexpr int SUM = 0;

// Passed by value.
struct UniqueId {
    char internal[128];
};

// Why a call or an operation fails, if it does. (The sanitizers' library does not support exceptions in
// programs that load C++ libraries late.)
struct Problem {
    Result result = Result::success;
    std::string text;

    explicit operator bool() const { return result != Result::success; }
};

} // namespace emulator
