// The stand-in for libcublas: handles, and multiplication of single-precision matrices, queued on the
// handle's stream.

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
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    INTERNAL_ERROR = 14,
    NOT_SUPPORTED = 15,
};

constexpr int VERSION[] = {13, 0, 0};

struct Handle {
    CUcontext context;
    CUstream stream = nullptr;
};

std::mutex lock;
std::set<Handle*> handles;

// Calls `body` with a valid handle.
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
// As stored: rows, columns, and the stride from one column to the next.
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
    float alpha, beta;
    Rounding rounding;
};

CUresult run(CUcontext context, const Product& product)
{
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
    const Product product = {m, n, k, operand("A", a, a_operation, m, k, lda),
        operand("B", b, b_operation, k, n, ldb), operand("C", c, 0, m, n, ldc),
        *static_cast<const float*>(alpha), *static_cast<const float*>(beta), rounding};
    if (!product.a.valid() || !product.b.valid() || !product.c.valid()) return INVALID_VALUE;
    if (!m || !n) return SUCCESS;
    const CUcontext context = service_context();
    const CUresult code = service_submit(handle.stream, [=] { return run(context, product); });
    return code ? EXECUTION_FAILED : SUCCESS;
}

// The precision to which a compute type rounds the operands.
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

// Waits for the device, like the real one; the handle is destroyed even if that fails.
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

EMULATOR_API Status cublasGetProperty(int part, int* value)
{
    if (part < 0 || part > 2) return INVALID_VALUE;
    *value = VERSION[part];
    return SUCCESS;
}

EMULATOR_API Status cublasSetStream_v2(Handle* handle, CUstream stream)
{
    return with_handle(handle, [&](Handle& of) {
        of.stream = stream;
        return SUCCESS;
    });
}

// The workspace is not used, but it must be device memory.
EMULATOR_API Status cublasSetWorkspace_v2(Handle* handle, void* workspace, size_t bytes)
{
    return with_handle(handle, [&](Handle&) {
        const auto address = reinterpret_cast<CUdeviceptr>(workspace);
        return bytes && !service_memory(service_context(), address, bytes) ? INVALID_VALUE : SUCCESS;
    });
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

} // namespace emulator
