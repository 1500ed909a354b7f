// Spectral normalization (Miyato et al. 2018) of a stored matrix S, which is W or its transpose.
//
//   forward   with `iterate` u ← n(W·v), v ← n(Wᵀ·u), where n(x) = x/max(‖x‖, eps);  σ = uᵀ·W·v,
//             w_bar = S/σ
//   backward  dw ← (dw − ⟨dw, w_bar⟩·left·rightᵀ)/σ, with the singular vectors of S: left, right = u, v
//             if S is W, else v, u
//
// W·v and Wᵀ·u are S·right or Sᵀ·left. The last of an iteration is Wᵀ·u, so σ = ⟨Wᵀ·u, v⟩.
//
// w, w_bar, dw (rows, stride), of which (rows, columns) are S; left (rows), right (columns). Outputs are
// overwritten; dw is in place. Deterministic: sums have a fixed order, by trees within a block, and
// over blocks whose number depends on the extents alone.

#include "common.cuh"

// S·right. Launch: a block of one row of threads for each row.
extern "C" __global__ void spectral_norm_rows(
    float* __restrict__ products,     // (rows)
    const float* __restrict__ w,      // (rows, stride)
    const float* __restrict__ right,  // (columns)
    int rows,  // as many blocks
    int columns,
    int stride)
{
    const float* row = w + index_of(blockIdx.x, 0, stride);
    float sum = 0.0f;
    for (int j = threadIdx.x; j < columns; j += blockDim.x) sum += row[j] * right[j];
    __shared__ float sums[MAX_THREADS];
    const float product = block_sum(sums, sum);
    if (threadIdx.x == 0) products[blockIdx.x] = product;
}

// The contributions of parts of the rows to Sᵀ·left. Launch: parts.
extern "C" __global__ void spectral_norm_columns(
    float* __restrict__ products,    // (parts, columns)
    const float* __restrict__ w,     // (rows, stride)
    const float* __restrict__ left,  // (rows)
    int rows,
    int columns,
    int stride,
    int parts)
{
    Walk walk = walk_of_thread(rows, columns);
    walk.columns = stride;
    const Walk vector = {0, 1, walk.begin, walk.end, walk.inside};
    float values[ROWS_AT_ONCE], factors[ROWS_AT_ONCE];
    float sum = 0.0f;
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        load_rows(values, w, walk, row, 0.0f);
        load_rows(factors, left, vector, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) sum += values[k] * factors[k];
    }
    __shared__ float sums[MAX_THREADS];
    const float product = column_sum(sums, sum);
    if (threadIdx.y == 0 && walk.inside) {
        products[index_of(blockIdx.y, walk.column, columns)] = product;
    }
}

// With `iterate` x ← products/max(‖products‖, eps); with sigma, sigma ← ⟨products, x⟩.
// Launch: one block of one row of threads.
extern "C" __global__ void spectral_norm_normalize(
    float* __restrict__ x,               // (n)
    float* __restrict__ sigma,           // (1) or null
    const float* __restrict__ products,  // (n)
    int n,
    float eps,
    unsigned iterate)
{
    __shared__ float squares[MAX_THREADS], dots[MAX_THREADS];
    if (iterate) {
        float square = 0.0f;
        for (int i = threadIdx.x; i < n; i += blockDim.x) square += products[i] * products[i];
        const float norm = fmaxf(sqrtf(block_sum(squares, square)), eps);
        for (int i = threadIdx.x; i < n; i += blockDim.x) x[i] = products[i] / norm;
    }
    if (!sigma) return;

    // A thread reads those numbers of x that it has written.
    float dot = 0.0f;
    for (int i = threadIdx.x; i < n; i += blockDim.x) dot += products[i] * x[i];
    const float sum = block_sum(dots, dot);
    if (threadIdx.x == 0) *sigma = sum;
}

// w_bar = S/σ. Launch: elementwise.
extern "C" __global__ void spectral_norm_divide(
    float* __restrict__ w_bar,        // (rows, stride)
    const float* __restrict__ w,      // (rows, stride)
    const float* __restrict__ sigma,  // (1)
    int rows,
    int stride)
{
    const float divisor = *sigma;
    const long long count = (long long)rows * stride;
    for (long long i = first_element(); i < count; i += element_stride()) w_bar[i] = w[i] / divisor;
}

// The contributions of parts of the elements to ⟨dw, w_bar⟩. Launch: a block of one row of threads for
// each part.
extern "C" __global__ void spectral_norm_dots(
    float* __restrict__ dots,         // (parts)
    const float* __restrict__ dw,     // (rows, stride)
    const float* __restrict__ w_bar,  // (rows, stride): 0 in the padding
    int rows,
    int stride,
    int parts)  // as many blocks
{
    const long long count = (long long)rows * stride;
    float dot = 0.0f;
    for (long long i = first_element(); i < count; i += element_stride()) dot += dw[i] * w_bar[i];
    __shared__ float sums[MAX_THREADS];
    const float sum = block_sum(sums, dot);
    if (threadIdx.x == 0) dots[blockIdx.x] = sum;
}

// dw ← (dw − Σ dots·left·rightᵀ)/σ. Launch: elementwise.
extern "C" __global__ void spectral_norm_subtract(
    float* __restrict__ dw,           // (rows, stride)
    const float* __restrict__ dots,   // (parts)
    const float* __restrict__ left,   // (rows)
    const float* __restrict__ right,  // (columns)
    const float* __restrict__ sigma,  // (1)
    int rows,
    int columns,
    int stride,
    int parts)
{
    float part = 0.0f;
    for (int i = threadIdx.x; i < parts; i += blockDim.x) part += dots[i];
    __shared__ float sums[MAX_THREADS];
    const float dot = block_sum(sums, part), divisor = *sigma;
    const long long count = (long long)rows * columns;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const unsigned row = i / columns, column = i % columns;
        float& element = dw[index_of(row, column, stride)];
        element = (element - dot * left[row] * right[column]) / divisor;
    }
}
