#include "gemm.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace emulator {

namespace {

// The size of a register tile of the result.
constexpr long ROWS = 16, COLUMNS = 4;

typedef float Vector __attribute__((vector_size(32)));

// Rounds to nearest without the last `dropped` bits, ties to even.
float round_off(float x, uint32_t dropped)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
// Infinity and NaN are unchanged.
    if ((bits >> 23 & 0xff) != 0xff) {
        bits += (1u << (dropped - 1)) - 1 + (bits >> dropped & 1);
        bits &= ~((1u << dropped) - 1);
    }
    memcpy(&x, &bits, sizeof x);
    return x;
}

float rounded(float x, Rounding rounding)
{
    switch (rounding) {
    case Rounding::tf32: return round_off(x, 13);
    case Rounding::bf16: return round_off(x, 16);
    default: return x;
    }
}

// Packs the rows of a matrix (rows, k) into panels of `width` rows, column by column, padded with
// zeros.
std::vector<float> pack(Matrix matrix, long rows, long k, long width, Rounding rounding)
{
    std::vector<float> packed((rows + width - 1) / width * width * k);
    float* to = packed.data();
    for (long first = 0; first < rows; first += width, to += width * k) {
        const long count = std::min(width, rows - first);
        for (long p = 0; p < k; ++p) {
            const float* from = matrix.data + first * matrix.down + p * matrix.right;
            for (long i = 0; i < count; ++i) {
                to[p * width + i] = rounded(from[i * matrix.down], rounding);
            }
        }
    }
    return packed;
}

// tile (COLUMNS, ROWS) = panel of A times panel of B. Products are rounded before they are added, on
// every machine. Only unrolled loops keep the sums in registers: 48 GFLOP/s instead of 7.
inline __attribute__((always_inline)) void multiply(
    float* tile, const float* a, const float* b, long k)
{
    constexpr long VECTORS = ROWS / 8;
    Vector sums[COLUMNS][VECTORS];
#pragma GCC unroll 8
    for (long j = 0; j < COLUMNS; ++j) {
#pragma GCC unroll 8
        for (long v = 0; v < VECTORS; ++v) sums[j][v] = Vector{};
    }
    for (long p = 0; p < k; ++p, a += ROWS, b += COLUMNS) {
#pragma GCC unroll 8
        for (long v = 0; v < VECTORS; ++v) {
            Vector column;
            memcpy(&column, a + 8 * v, sizeof column);
#pragma GCC unroll 8
            for (long j = 0; j < COLUMNS; ++j) sums[j][v] += column * b[j];
        }
    }
#pragma GCC unroll 8
    for (long j = 0; j < COLUMNS; ++j) {
#pragma GCC unroll 8
        for (long v = 0; v < VECTORS; ++v) memcpy(tile + j * ROWS + 8 * v, &sums[j][v], sizeof(Vector));
    }
}

void multiply_plain(float* tile, const float* a, const float* b, long k) { multiply(tile, a, b, k); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) void multiply_avx2(
    float* tile, const float* a, const float* b, long k)
{
    multiply(tile, a, b, k);
}
#endif

auto choose_multiply()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return multiply_avx2;
#endif
    return multiply_plain;
}

} // namespace

void gemm(long m, long n, long k, float alpha, Matrix a, Matrix b, float beta, float* c, long ldc,
    Rounding rounding)
{
    static const auto multiply_panels = choose_multiply();
    const std::vector<float> rows = pack(a, m, k, ROWS, rounding);
    const std::vector<float> columns = pack({b.data, b.right, b.down}, n, k, COLUMNS, rounding);
    float tile[COLUMNS * ROWS];
    for (long i = 0; i < m; i += ROWS) {
        for (long j = 0; j < n; j += COLUMNS) {
            multiply_panels(tile, rows.data() + i * k, columns.data() + j * k, k);
            for (long jj = 0; jj < std::min(COLUMNS, n - j); ++jj) {
                float* out = c + i + (j + jj) * ldc;
                for (long ii = 0; ii < std::min(ROWS, m - i); ++ii) {
                    const float product = alpha * tile[jj * ROWS + ii];
                    out[ii] = beta == 0.0f ? product : product + beta * out[ii];
                }
            }
        }
    }
}

} // namespace emulator
