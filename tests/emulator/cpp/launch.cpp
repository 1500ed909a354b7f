// Modules, their functions, and launches of them.

#include <cstring>
#include <vector>

#include "capture.h"
#include "grid.h"
#include "image.h"
#include "environment.h"
#include "memory.h"
#include "stream.h"

namespace emulator {

class Function {
public:
    const Kernel* kernel;
};

class Module {
public:
    Image image;
    Registry<Function> functions;
};

namespace {

std::shared_ptr<Function> find_function(Context& context, CUfunction handle)
{
    for (const auto& [key, module] : context.modules) {
        if (auto function = module->functions.find(handle)) return function;
    }
    return nullptr;
}

CUresult check_launch(const Launch& launch, unsigned dynamic_shared)
{
    const dim3 grid = launch.grid, block = launch.block;
    const char* kernel = launch.kernel->name;
    const bool empty = !grid.x || !grid.y || !grid.z || !block.x || !block.y || !block.z;
    if (empty || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) {
        return fail(CUDA_ERROR_INVALID_VALUE, "kernel `%s`: a grid of (%u, %u, %u) blocks", kernel, grid.x,
            grid.y, grid.z);
    }
    const size_t threads = size_t(block.x) * block.y * block.z;
    if (block.x > 1024 || block.y > 1024 || block.z > 64 || threads > 1024) {
        return fail(CUDA_ERROR_INVALID_VALUE, "kernel `%s`: a block of (%u, %u, %u) threads", kernel, block.x,
            block.y, block.z);
    }
    if (dynamic_shared) {
        return fail(CUDA_ERROR_INVALID_VALUE, "kernel `%s`: there is no dynamic shared memory", kernel);
    }
    return CUDA_SUCCESS;
}

// The value of `argument` in a kernel's struct of arguments; pointers are device addresses.
CUdeviceptr& pointer(std::vector<char>& arguments, const Argument& argument)
{
    return *reinterpret_cast<CUdeviceptr*>(arguments.data() + argument.offset);
}

// Replaces the device address with the host address.
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
        const CUresult code = module->image.read(image, environment::capability(), environment::driver());
        if (code) return code;
        *handle = context.modules.add(module);
        return CUDA_SUCCESS;
    });
}

// Queued launches no longer need the module.
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
        *handle = module->functions.add(std::make_shared<Function>(Function{kernel}));
        return CUDA_SUCCESS;
    });
}

EMULATOR_API CUresult cuLaunchKernelEx(
    const CUlaunchConfig* config, CUfunction handle, void** parameters, void** extra)
{
    return with_context([&](Context& context) {
        const std::shared_ptr<Function> function = find_function(context, handle);
        if (!function) return fail(CUDA_ERROR_INVALID_HANDLE, "cuLaunchKernel: not a function");
        bool early = false;
        for (unsigned i = 0; i < config->attribute_count; ++i) {
            const CUlaunchAttribute& attribute = config->attributes[i];
            if (attribute.id != CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION) {
                return fail(CUDA_ERROR_NOT_SUPPORTED, "cuLaunchKernelEx: attribute %d", attribute.id);
            }
            early = attribute.value;
        }
        if (early && (environment::capability() < 90 || environment::driver() < 12030)) {
            return fail(CUDA_ERROR_NOT_SUPPORTED, "programmatic dependent launch: the device or driver is too old");
        }
        const Kernel& kernel = *function->kernel;
        const auto [grid_x, grid_y, grid_z, block_x, block_y, block_z, shared] = config->extents;
        const Launch launch = {&kernel, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, early};
        const CUstream stream = config->stream;
        if (const CUresult code = check_launch(launch, shared)) return code;
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

EMULATOR_API CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y,
    unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
    CUstream stream, void** parameters, void** extra)
{
    const CUlaunchConfig config = {
        {grid_x, grid_y, grid_z, block_x, block_y, block_z, shared}, stream, nullptr, 0};
    return cuLaunchKernelEx(&config, handle, parameters, extra);
}

} // namespace emulator
