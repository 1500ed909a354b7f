// The stand-in for libcublas: handles and products of single-precision matrices, queued on the handle's stream.

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>

#include "gemm.h"
#include "services.h"

namespace emulator {

namespace {

enum Status {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    INTERNAL_ERROR = 14,
    NOT_SUPPORTED = 15,
};

// 13.0.0, as one number and in parts.
constexpr int VERSION = 130000;
constexpr int VERSION_PARTS[] = {13, 0, 0};

struct Handle {
    CUcontext context;
    CUstream stream = nullptr;
    // Whether alpha and beta are in device memory.
    int pointer_mode = 0;
};

std::mutex lock;
std::set<Handle*> handles;

// Calls `body` with a handle that is known.
template <class Body>
Status with_handle(Handle* handle, Body body)
{
    {
        const std::lock_guard<std::mutex> guard(lock);
        if (!handles.count(handle)) return NOT_INITIALIZED;
    }
    return body(*handle);
}

struct Operand {
    const char* name;
    CUdeviceptr address;
    // As it is stored: rows, columns, and the way from a column to the next.
    long rows, columns, leading;
    bool transposed;

    bool valid() const { return leading >= std::max(1L, rows); }
    size_t bytes() const
    {
        return rows && columns ? ((columns - 1) * leading + rows) * sizeof(float) : 0;
    }
    Matrix matrix(const char* memory) const
    {
        const float* data = reinterpret_cast<const float*>(memory);
        return transposed ? Matrix{data, leading, 1} : Matrix{data, 1, leading};
    }
};

Operand operand(const char* name, const void* data, int operation, long rows, long columns, int leading)
{
    const bool transposed = operation != 0;
    if (transposed) std::swap(rows, columns);
    return {name, reinterpret_cast<CUdeviceptr>(data), rows, columns, leading, transposed};
}

struct Product {
    long m, n, k;
    Operand a, b, c;
    // On the host, or on the device.
    float alpha, beta;
    CUdeviceptr alpha_address, beta_address;
    Rounding rounding;
};

CUresult read_scalar(CUcontext context, const char* name, CUdeviceptr address, float* value)
{
    if (!address) return CUDA_SUCCESS;
    const char* memory = service_memory(context, address, sizeof *value);
    if (!memory) return service_bad_operand("cublasGemmEx", name, address);
    *value = *reinterpret_cast<const float*>(memory);
    return CUDA_SUCCESS;
}

CUresult run(CUcontext context, Product product)
{
    const CUresult alpha = read_scalar(context, "alpha", product.alpha_address, &product.alpha);
    const CUresult beta = read_scalar(context, "beta", product.beta_address, &product.beta);
    if (alpha || beta) return alpha ? alpha : beta;
    char* memory[3] = {};
    const Operand* operands[3] = {&product.a, &product.b, &product.c};
    for (int i = 0; i < 3; ++i) {
        const Operand& of = *operands[i];
        memory[i] = service_memory(context, of.address, of.bytes());
        if (!memory[i] && of.bytes()) return service_bad_operand("cublasGemmEx", of.name, of.address);
    }
    gemm(product.m, product.n, product.k, product.alpha, product.a.matrix(memory[0]),
        product.b.matrix(memory[1]), product.beta, reinterpret_cast<float*>(memory[2]),
        product.c.leading, product.rounding);
    return CUDA_SUCCESS;
}

Status submit_product(Handle& handle, int a_operation, int b_operation, int m, int n, int k,
    const void* alpha, const void* a, int lda, const void* b, int ldb, const void* beta, void* c,
    int ldc, Rounding rounding)
{
    const auto known = [](int operation) { return operation >= 0 && operation <= 2; };
    if (m < 0 || n < 0 || k < 0 || !known(a_operation) || !known(b_operation) || !alpha || !beta) {
        return INVALID_VALUE;
    }
    Product product = {m, n, k, operand("A", a, a_operation, m, k, lda),
        operand("B", b, b_operation, k, n, ldb), operand("C", c, 0, m, n, ldc), 0.0f, 0.0f, 0, 0,
        rounding};
    if (!product.a.valid() || !product.b.valid() || !product.c.valid()) return INVALID_VALUE;
    if (!m || !n) return SUCCESS;
    if (handle.pointer_mode) {
        product.alpha_address = reinterpret_cast<CUdeviceptr>(alpha);
        product.beta_address = reinterpret_cast<CUdeviceptr>(beta);
    } else {
        product.alpha = *static_cast<const float*>(alpha);
        product.beta = *static_cast<const float*>(beta);
    }
    const CUcontext context = service_context();
    const CUresult code = service_submit(handle.stream, [=] { return run(context, product); });
    return code ? EXECUTION_FAILED : SUCCESS;
}

// What a compute type, by cuBLAS's number, rounds the factors to.
std::optional<Rounding> rounding_of(int compute)
{
    constexpr int COMPUTE_32F = 68, COMPUTE_32F_FAST_16BF = 75, COMPUTE_32F_FAST_TF32 = 77;
    switch (compute) {
    case COMPUTE_32F: return Rounding::none;
    case COMPUTE_32F_FAST_TF32: return Rounding::tf32;
    case COMPUTE_32F_FAST_16BF: return Rounding::bf16;
    default: return {};
    }
}

} // namespace

EMULATOR_API Status cublasCreate_v2(Handle** handle)
{
    constexpr int OLDEST_DRIVER = 13;
    if (!service_ready(OLDEST_DRIVER)) return NOT_INITIALIZED;
    const std::lock_guard<std::mutex> guard(lock);
    *handle = new Handle{service_context()};
    handles.insert(*handle);
    return SUCCESS;
}

// Waits for the device, as the real one does; the handle is gone whether that fails or not.
EMULATOR_API Status cublasDestroy_v2(Handle* handle)
{
    CUcontext context;
    {
        const std::lock_guard<std::mutex> guard(lock);
        if (!handles.erase(handle)) return NOT_INITIALIZED;
        context = handle->context;
        delete handle;
    }
    return service_synchronize(context, "cublasDestroy") ? INTERNAL_ERROR : SUCCESS;
}

EMULATOR_API Status cublasGetVersion_v2(Handle*, int* version)
{
    *version = VERSION;
    return SUCCESS;
}

EMULATOR_API Status cublasGetProperty(int part, int* value)
{
    if (part < 0 || part > 2) return INVALID_VALUE;
    *value = VERSION_PARTS[part];
    return SUCCESS;
}

EMULATOR_API Status cublasSetStream_v2(Handle* handle, CUstream stream)
{
    return with_handle(handle, [&](Handle& of) {
        of.stream = stream;
        return SUCCESS;
    });
}

EMULATOR_API Status cublasGetStream_v2(Handle* handle, CUstream* stream)
{
    return with_handle(handle, [&](Handle& of) {
        *stream = of.stream;
        return SUCCESS;
    });
}

// No product needs a workspace, but one must be device memory.
EMULATOR_API Status cublasSetWorkspace_v2(Handle* handle, void* workspace, size_t bytes)
{
    return with_handle(handle, [&](Handle&) {
        const auto address = reinterpret_cast<CUdeviceptr>(workspace);
        return bytes && !service_memory(service_context(), address, bytes) ? INVALID_VALUE : SUCCESS;
    });
}

EMULATOR_API Status cublasSetPointerMode_v2(Handle* handle, int mode)
{
    return with_handle(handle, [&](Handle& of) {
        of.pointer_mode = mode;
        return SUCCESS;
    });
}

EMULATOR_API Status cublasGetPointerMode_v2(Handle* handle, int* mode)
{
    return with_handle(handle, [&](Handle& of) {
        *mode = of.pointer_mode;
        return SUCCESS;
    });
}

EMULATOR_API Status cublasSetAtomicsMode(Handle* handle, int)
{
    return with_handle(handle, [](Handle&) { return SUCCESS; });
}

// Matrices in single precision only.
EMULATOR_API Status cublasGemmEx(Handle* handle, int a_operation, int b_operation, int m, int n,
    int k, const void* alpha, const void* a, int a_type, int lda, const void* b, int b_type, int ldb,
    const void* beta, void* c, int c_type, int ldc, int compute, int)
{
    constexpr int R_32F = 0;
    const bool single = a_type == R_32F && b_type == R_32F && c_type == R_32F;
    const std::optional<Rounding> rounding = rounding_of(compute);
    if (!single || !rounding) return NOT_SUPPORTED;
    return with_handle(handle, [&](Handle& of) {
        return submit_product(
            of, a_operation, b_operation, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, *rounding);
    });
}

EMULATOR_API const char* cublasGetStatusName(Status status)
{
    switch (status) {
    case SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    case INTERNAL_ERROR: break;
    }
    return "CUBLAS_STATUS_INTERNAL_ERROR";
}

EMULATOR_API const char* cublasGetStatusString(Status status)
{
    switch (status) {
    case SUCCESS: return "success";
    case NOT_INITIALIZED: return "the library was not initialized";
    case ALLOC_FAILED: return "the resource allocation failed";
    case INVALID_VALUE: return "an unsupported value or parameter was passed to the function";
    case EXECUTION_FAILED: return "the GPU program failed to execute";
    case NOT_SUPPORTED: return "the functionality requested is not supported";
    case INTERNAL_ERROR: break;
    }
    return "an internal operation failed";
}

} // namespace emulator
