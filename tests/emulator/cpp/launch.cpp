// Modules, their functions, and launches of them.

#include <cstring>
#include <vector>

#include "capture.h"
#include "grid.h"
#include "image.h"
#include "knobs.h"
#include "memory.h"
#include "stream.h"

namespace emulator {

class Function {
public:
    const Kernel* kernel;
    // How much dynamic shared memory a launch may ask for.
    int most_dynamic_shared;
};

class Module {
public:
    Image image;
    Registry<Function> functions;
};

namespace {

// What a block may have without asking, and on asking.
constexpr int SHARED = 48 * 1024, SHARED_ON_REQUEST = 227 * 1024;
constexpr unsigned MOST_THREADS = 1024;

std::shared_ptr<Function> find_function(Context& context, CUfunction handle)
{
    for (const auto& [key, module] : context.modules) {
        if (auto function = module->functions.find(handle)) return function;
    }
    return nullptr;
}

std::string size_text(dim3 size)
{
    return "(" + std::to_string(size.x) + ", " + std::to_string(size.y) + ", "
        + std::to_string(size.z) + ")";
}

CUresult check_launch(const Function& function, const Launch& launch)
{
    const dim3 grid = launch.grid, block = launch.block;
    const std::string kernel = std::string("kernel `") + launch.kernel->name + "`: ";
    const bool empty = !grid.x || !grid.y || !grid.z || !block.x || !block.y || !block.z;
    if (empty || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) {
        return fail(CUDA_ERROR_INVALID_VALUE, kernel + "a grid of " + size_text(grid) + " blocks");
    }
    const size_t threads = size_t(block.x) * block.y * block.z;
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || threads > MOST_THREADS) {
        return fail(CUDA_ERROR_INVALID_VALUE, kernel + "a block of " + size_text(block) + " threads");
    }
    if (launch.shared > static_cast<unsigned>(function.most_dynamic_shared)) {
        const std::string bytes = std::to_string(launch.shared);
        return fail(CUDA_ERROR_INVALID_VALUE, kernel + bytes + " bytes of dynamic shared memory");
    }
    return CUDA_SUCCESS;
}

// What `argument` is in a kernel's structure of arguments, for pointers an address of the device.
CUdeviceptr& pointer(std::vector<char>& arguments, const Argument& argument)
{
    return *reinterpret_cast<CUdeviceptr*>(arguments.data() + argument.offset);
}

// Puts the host's address in the place of the device's.
CUresult translate(Context& context, const Kernel& kernel, const Argument& argument, CUdeviceptr& value)
{
    const CUdeviceptr address = value;
    if (!address && argument.nullable) return CUDA_SUCCESS;
    value = reinterpret_cast<CUdeviceptr>(host_memory(context, address, 0));
    if (!value) {
        return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "kernel `%s`: argument `%s` is %#llx, which is not allocated",
            kernel.name, argument.name, address);
    }
    if (value % argument.pointee) {
        return fail(CUDA_ERROR_MISALIGNED_ADDRESS, "kernel `%s`: argument `%s` is misaligned", kernel.name,
            argument.name);
    }
    return CUDA_SUCCESS;
}

CUresult run(Context& context, const Launch& launch, const std::vector<char>& arguments)
{
    const Kernel& kernel = *launch.kernel;
    std::vector<char> device = arguments, host = arguments;
    for (unsigned i = 0; i < kernel.argument_count; ++i) {
        const Argument& argument = kernel.arguments[i];
        if (!argument.pointee) continue;
        const CUresult code = translate(context, kernel, argument, pointer(host, argument));
        if (code) return code;
    }
    const std::string problem = run_grid(launch, host.data());
    if (!problem.empty()) return fail(CUDA_ERROR_LAUNCH_FAILED, problem);
    for (unsigned i = 0; i < kernel.argument_count; ++i) {
        const Argument& argument = kernel.arguments[i];
        if (argument.pointee && overrun(pointer(device, argument))) {
            return fail(CUDA_ERROR_ILLEGAL_ADDRESS,
                "kernel `%s` wrote beside the allocation of its argument `%s`", kernel.name,
                argument.name);
        }
    }
    return CUDA_SUCCESS;
}

} // namespace

EMULATOR_API CUresult cuModuleLoadData(CUmodule* handle, const void* image)
{
    return with_context([&](Context& context) {
        if (const CUresult code = check_unsafe("cuModuleLoadData")) return code;
        if (!image) return fail(CUDA_ERROR_INVALID_VALUE, "cuModuleLoadData: no image");
        const auto module = std::make_shared<Module>();
        const CUresult code = module->image.read(image, knobs::capability(), knobs::driver());
        if (code) return code;
        *handle = context.modules.add(module);
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuModuleLoadDataEx(CUmodule* handle, const void* image, unsigned, int*, void**)
{
    return cuModuleLoadData(handle, image);
}

// Queued launches do not need the module any more.
EMULATOR_API CUresult cuModuleUnload(CUmodule handle)
{
    return with_context([&](Context& context) {
        if (context.modules.remove(handle)) return CUDA_SUCCESS;
        return fail(CUDA_ERROR_INVALID_HANDLE, "cuModuleUnload: not a module");
    });
}

EMULATOR_API CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Module> module = context.modules.find(module_handle);
        if (!module) return fail(CUDA_ERROR_INVALID_HANDLE, "cuModuleGetFunction: not a module");
        if (!module->image.has(name)) {
            return fail(CUDA_ERROR_NOT_FOUND, "no kernel `%s` in this image", name);
        }
        const Kernel* kernel = find_kernel(name);
        if (!kernel) {
            return fail(CUDA_ERROR_NOT_FOUND, "the emulator was built without kernel `%s`", name);
        }
        *handle = module->functions.add(std::make_shared<Function>(Function{kernel, SHARED}));
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction handle)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Function> function = find_function(context, handle);
        if (!function) return fail(CUDA_ERROR_INVALID_HANDLE, "cuFuncGetAttribute: not a function");
        switch (attribute) {
        case 0: *value = MOST_THREADS; break;
        case 6: *value = knobs::capability(); break;
        case 8: *value = function->most_dynamic_shared; break;
        default: *value = 0; // Memory and registers, which nobody has counted.
        }
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Function> function = find_function(context, handle);
        if (!function) return fail(CUDA_ERROR_INVALID_HANDLE, "cuFuncSetAttribute: not a function");
        constexpr int MAX_DYNAMIC_SHARED_SIZE_BYTES = 8;
        if (attribute != MAX_DYNAMIC_SHARED_SIZE_BYTES) return CUDA_SUCCESS;
        if (value < 0 || value > SHARED_ON_REQUEST) return fail(CUDA_ERROR_INVALID_VALUE);
        function->most_dynamic_shared = value;
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(
    int* blocks, CUfunction, int block_size, size_t)
{
    if (block_size <= 0) return fail(CUDA_ERROR_INVALID_VALUE);
    *blocks = std::min(32, 2048 / block_size);
    return CUDA_SUCCESS;
}

EMULATOR_API CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y,
    unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
    CUstream stream, void** parameters, void** extra)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Function> function = find_function(context, handle);
        if (!function) return fail(CUDA_ERROR_INVALID_HANDLE, "cuLaunchKernel: not a function");
        const Kernel& kernel = *function->kernel;
        const Launch launch = {
            &kernel, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared};
        if (const CUresult code = check_launch(*function, launch)) return code;
        if (extra || (kernel.argument_count && !parameters)) {
            return fail(CUDA_ERROR_INVALID_VALUE, "kernel `%s`: arguments are not given", kernel.name);
        }
        std::vector<char> arguments(kernel.argument_size);
        for (unsigned i = 0; i < kernel.argument_count; ++i) {
            const Argument& argument = kernel.arguments[i];
            memcpy(arguments.data() + argument.offset, parameters[i], argument.size);
        }
        return submit(context, stream, [&context, launch, arguments = std::move(arguments)] {
            return run(context, launch, arguments);
        });
    });
}

} // namespace emulator
