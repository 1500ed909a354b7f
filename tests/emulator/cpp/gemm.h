// Matrix products in single precision, column-major, as cuBLAS has them.

#pragma once

namespace emulator {

// A matrix in memory: element (i, j) is at i·down + j·right.
struct Matrix {
    const float* data;
    long down, right;
};

// C (m, n), with columns ldc apart, ← alpha·A·B + beta·C for A (m, k), B (k, n). Where beta is 0, C
// is not read. Each sum runs over k from 0 on, so a product has the same bits on every
// machine. With `tf32`, A and B are rounded to ten bits behind the point first.
void gemm(long m, long n, long k, float alpha, Matrix a, Matrix b, float beta, float* c, long ldc,
    bool tf32);

} // namespace emulator
