// Matrix multiplication in single precision, column-major as in cuBLAS.

#pragma once

namespace emulator {

// The precision to which elements of A and B are rounded before multiplication, to nearest with ties
// to even: not at all, to TF32's 10 mantissa bits, or to bfloat16's 7.
enum class Rounding { none, tf32, bf16 };

// A matrix in memory: element (i, j) is at i·down + j·right.
struct Matrix {
    const float* data;
    long down, right;
};

// C (m, n), with columns ldc apart, ← alpha·A·B + beta·C for A (m, k), B (k, n). Where beta is 0, C
// is not read. Each sum runs over k from 0 on, in single precision, so a product has the same bits on
// every machine.
void gemm(long m, long n, long k, float alpha, Matrix a, Matrix b, float beta, float* c, long ldc,
    Rounding rounding);

} // namespace emulator
