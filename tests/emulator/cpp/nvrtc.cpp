// The stand-in for libnvrtc. It compiles nothing: it checks what is around the source (options,
// headers, `#error`), and generates PTX without code that names the kernels in the source.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>

#define NVRTC_API extern "C" __attribute__((visibility("default")))

namespace emulator {

namespace {

enum Status {
    SUCCESS = 0,
    INVALID_INPUT = 3,
    INVALID_PROGRAM = 4,
    INVALID_OPTION = 5,
    COMPILATION = 6,
};

// The architectures that NVRTC 13.0 reports.
constexpr int MAJOR = 13, MINOR = 0;
constexpr const char* PTX_VERSION = "9.0";
constexpr int ARCHITECTURES[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

// Accepted options, with any value; NVRTC's short names are not.
const std::set<std::string> OPTIONS = {"--std", "--fmad", "--use_fast_math", "--ftz", "--prec-div",
    "--prec-sqrt", "--include-path", "--define-macro", "--generate-line-info", "--device-debug",
    "--restrict", "--maxrregcount", "--ptxas-options"};

struct Program {
    std::string source, name;
    std::map<std::string, std::string> headers;
    std::string log, ptx, cubin;
};

std::mutex lock;
// Programs by their handle.
std::map<void*, Program> programs;

template <class Body>
Status with_program(void* handle, Body body)
{
    const std::lock_guard<std::mutex> guard(lock);
    const auto found = programs.find(handle);
    return found == programs.end() ? INVALID_PROGRAM : body(found->second);
}

bool starts_with(const std::string& text, const char* start) { return !text.compare(0, strlen(start), start); }

struct Target {
    int architecture = 75;
// Whether to make a cubin, instead of PTX only.
    bool real = false;
};

// "sm_90" or "compute_75"
bool parse_target(const std::string& text, Target& target)
{
    int length = 0;
    target.real = starts_with(text, "sm_");
    const char* format = target.real ? "sm_%d%n" : "compute_%d%n";
    if (sscanf(text.c_str(), format, &target.architecture, &length) != 1) return false;
    return text.size() == size_t(length)
        && std::count(std::begin(ARCHITECTURES), std::end(ARCHITECTURES), target.architecture);
}

Status parse_options(int count, const char* const* options, Target& target, std::string& log)
{
    for (int i = 0; i < count; ++i) {
        const std::string option = options[i];
        const size_t sign = option.find('=');
        const std::string key = option.substr(0, sign);
        const bool valid = key == "--gpu-architecture"
            ? sign != std::string::npos && parse_target(option.substr(sign + 1), target)
            : OPTIONS.count(key) > 0;
        if (valid) continue;
        log = "nvrtc: error: invalid value for " + option + "\n";
        return INVALID_OPTION;
    }
    return SUCCESS;
}

// The first word after '#', and the rest of the line; nothing if the line is not a directive.
std::pair<std::string, std::string> directive(const std::string& line)
{
    std::istringstream words(line);
    char sign = 0;
    std::string word, rest;
    if (!(words >> sign) || sign != '#') return {};
    words >> word;
    std::getline(words >> std::ws, rest);
    return {word, rest};
}

// What is wrong with a file, as NVRTC would say it: an `#error` outside of all conditions, or a
// header that was not given.
std::string problem(const Program& program, const std::string& name, const std::string& source)
{
    std::istringstream lines(source);
    std::string line;
    int depth = 0;
    for (int number = 1; std::getline(lines, line); ++number) {
        const auto [word, rest] = directive(line);
        const std::string place = name + "(" + std::to_string(number) + "): ";
        if (starts_with(word, "if")) ++depth;
        if (word == "endif") --depth;
        if (word == "error" && depth == 0) {
            return place + "catastrophic error: #error directive: " + rest + "\n";
        }
        if (word == "include" && rest.size() > 2 && rest[0] == '"') {
            const std::string header = rest.substr(1, rest.find('"', 1) - 1);
            const auto found = program.headers.find(header);
            if (found == program.headers.end()) {
                return place + "catastrophic error: cannot open source file \"" + header + "\"\n";
            }
            const std::string inside = problem(program, header, found->second);
            if (!inside.empty()) return inside;
        }
    }
    return {};
}

// An entry for each kernel: `__global__`, and the last name before a '(' in its line.
std::string entries(const std::string& source)
{
    std::istringstream lines(source);
    std::string line, text;
    while (std::getline(lines, line)) {
        const size_t word = line.find("__global__"), open = line.rfind('(');
        if (word == std::string::npos || open == std::string::npos || open < word) continue;
        const size_t before = line.find_last_of(" )*\t", open - 1);
        const std::string name = line.substr(before + 1, open - before - 1);
        text += ".visible .entry " + name + "()\n{\n\tret;\n}\n";
    }
    return text;
}

} // namespace

NVRTC_API Status nvrtcVersion(int* major, int* minor)
{
    *major = MAJOR;
    *minor = MINOR;
    return SUCCESS;
}

NVRTC_API Status nvrtcGetNumSupportedArchs(int* count)
{
    *count = std::size(ARCHITECTURES);
    return SUCCESS;
}

NVRTC_API Status nvrtcGetSupportedArchs(int* architectures)
{
    std::copy(std::begin(ARCHITECTURES), std::end(ARCHITECTURES), architectures);
    return SUCCESS;
}

NVRTC_API Status nvrtcCreateProgram(void** handle, const char* source, const char* name, int count,
    const char* const* headers, const char* const* include_names)
{
    if (!handle || !source || count < 0) return INVALID_INPUT;
    Program program;
    program.source = source;
    program.name = name ? name : "default_program";
    for (int i = 0; i < count; ++i) program.headers[include_names[i]] = headers[i];
    static size_t made = 0;
    const std::lock_guard<std::mutex> guard(lock);
    *handle = reinterpret_cast<void*>(++made);
    programs[*handle] = std::move(program);
    return SUCCESS;
}

NVRTC_API Status nvrtcDestroyProgram(void** handle)
{
    const std::lock_guard<std::mutex> guard(lock);
    if (!programs.erase(*handle)) return INVALID_PROGRAM;
    *handle = nullptr;
    return SUCCESS;
}

NVRTC_API Status nvrtcCompileProgram(void* handle, int count, const char* const* options)
{
    return with_program(handle, [&](Program& program) {
        Target target;
        const Status status = parse_options(count, options, target, program.log);
        if (status) return status;
        program.log = problem(program, program.name, program.source);
        if (!program.log.empty()) return COMPILATION;
        const std::string architecture = std::to_string(target.architecture);
        program.ptx = std::string("// Emulated: there is no code in it.\n.version ") + PTX_VERSION
            + "\n.target sm_" + architecture + "\n.address_size 64\n" + entries(program.source);
// The emulated driver accepts PTX in place of a cubin.
        program.cubin = target.real ? program.ptx : std::string();
        return SUCCESS;
    });
}

namespace {

// Sizes count the zero at the end.
Status size_of(void* handle, std::string Program::*text, size_t* size)
{
    return with_program(handle, [&](const Program& program) {
        *size = (program.*text).size() + 1;
        return SUCCESS;
    });
}

Status copy_of(void* handle, std::string Program::*text, char* to)
{
    return with_program(handle, [&](const Program& program) {
        memcpy(to, (program.*text).c_str(), (program.*text).size() + 1);
        return SUCCESS;
    });
}

} // namespace

NVRTC_API Status nvrtcGetPTXSize(void* handle, size_t* size) { return size_of(handle, &Program::ptx, size); }
NVRTC_API Status nvrtcGetPTX(void* handle, char* to) { return copy_of(handle, &Program::ptx, to); }
NVRTC_API Status nvrtcGetProgramLogSize(void* handle, size_t* size) { return size_of(handle, &Program::log, size); }
NVRTC_API Status nvrtcGetProgramLog(void* handle, char* to) { return copy_of(handle, &Program::log, to); }

// A virtual architecture has no cubin.
NVRTC_API Status nvrtcGetCUBINSize(void* handle, size_t* size)
{
    const Status status = size_of(handle, &Program::cubin, size);
    if (!status && *size == 1) *size = 0;
    return status;
}
NVRTC_API Status nvrtcGetCUBIN(void* handle, char* to) { return copy_of(handle, &Program::cubin, to); }

NVRTC_API const char* nvrtcGetErrorString(Status status)
{
    switch (status) {
    case SUCCESS: return "NVRTC_SUCCESS";
    case INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case COMPILATION: return "NVRTC_ERROR_COMPILATION";
    }
    return "NVRTC_ERROR unknown";
}

} // namespace emulator
