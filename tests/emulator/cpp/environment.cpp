#include "environment.h"

#include <cstdio>
#include <cstdlib>

namespace emulator::environment {

namespace {

[[noreturn]] void refuse(const char* name, const char* value, const char* wanted)
{
    fprintf(stderr, "emulated CUDA: %s=%s is not %s\n", name, value, wanted);
    exit(1);
}

size_t number(const char* name, size_t otherwise)
{
    const char* value = getenv(name);
    if (!value) return otherwise;
    char* end = nullptr;
    const size_t read = strtoull(value, &end, 10);
    if (end == value || *end) refuse(name, value, "a number");
    return read;
}

} // namespace

int devices()
{
    static const int value = number("GAN_CUDA_EMULATOR_DEVICES", 1);
    return value;
}

int driver()
{
    static const int value = number("GAN_CUDA_EMULATOR_DRIVER", 13000);
    return value;
}

size_t memory()
{
    static const size_t value = number("GAN_CUDA_EMULATOR_MEMORY", size_t(4) << 30);
    return value;
}

int meeting_seconds()
{
    static const int value = number("GAN_CUDA_EMULATOR_MEETING", 60);
    return value;
}

std::string host()
{
    const char* name = getenv("NCCL_HOSTID");
    return name ? name : "";
}

int capability()
{
    constexpr const char* NAME = "GAN_CUDA_EMULATOR_CAPABILITY";
    const char* value = getenv(NAME);
    if (!value) return 90;
    int major, minor, length = 0;
    const int read = sscanf(value, "%d.%d%n", &major, &minor, &length);
    if (read != 2 || value[length]) refuse(NAME, value, "a capability such as 9.0");
    return 10 * major + minor;
}

} // namespace emulator::environment
