// Shared by the kernels: thread indices, sums over a block, activations.
//
// Matrices are row-major. There are four kinds of launch, each correct for every block size:
//   elementwise  one-dimensional grid-stride loop: from first_element() in steps of element_stride()
//   columns      blocks of (x, y) threads, with a thread in x for every column; thread (x, y) walks
//                rows y, y + blockDim.y, … of its column, and column_sum() sums over y
//   parts        the same, where each y of the grid has an equal part of the rows, and each z a batch, if
//                there are several
//   blocks       a block of one row of threads for each part of the work; block_sum() sums over x
// Sums have a fixed order: the same launch gives the same bits. No atomics on floats, no fast-math.

#pragma once

// Threads of the largest block; __shared__ arrays have an element for each.
enum { MAX_THREADS = 1024 };

// Activations, by the code that a launch passes; y′ is computed from the output y.
enum Activation {
    IDENTITY = 0,    // y = x;                        y′ = 1
    RELU = 1,        // y = max(x, 0);                y′ = 1 where y > 0, else 0
    LEAKY_RELU = 2,  // y = x where x > 0, else s·x;  y′ = 1 where y > 0, else s
    TANH = 3,        // y = tanh x;                   y′ = 1 − y²
    SIGMOID = 4,     // y = 1/(1 + e⁻ˣ);              y′ = y·(1 − y)
};

// The first element of this thread in an elementwise launch. Matrices may have over 2³¹ elements.
__device__ inline long long first_element()
{
    return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

// The stride from one element of a thread to its next.
__device__ inline long long element_stride()
{
    return (long long)gridDim.x * blockDim.x;
}

// The index of (row, column) of a matrix.
__device__ inline unsigned long long index_of(unsigned row, unsigned column, unsigned columns)
{
    return (unsigned long long)row * columns + column;
}

// The rows that a thread walks in a columns or parts launch. Threads beyond the last column have no
// rows, but must still reach the barriers.
struct Walk {
    unsigned column, columns, begin, end;
    bool inside;
};

// The first row of a part out of `parts`; for part == parts, the end of the rows.
__device__ inline unsigned first_row(unsigned rows, unsigned parts, unsigned part)
{
    return min(part * ((rows + parts - 1) / parts), rows);
}

__device__ inline Walk walk_of_thread(unsigned rows, unsigned columns)
{
    const unsigned column = blockIdx.x * blockDim.x + threadIdx.x;
    const bool inside = column < columns;
    const unsigned begin = first_row(rows, gridDim.y, blockIdx.y) + threadIdx.y;
    const unsigned end = first_row(rows, gridDim.y, blockIdx.y + 1);
    return {column, columns, begin, inside ? end : 0, inside};
}

// Rows per step of a walk. All are loaded before any is stored: the compiler must assume that rows
// alias, so otherwise each load would wait for the previous store.
enum { ROWS_AT_ONCE = 4 };

// The first row of the next step.
__device__ inline unsigned next_row(unsigned row)
{
    return row + ROWS_AT_ONCE * blockDim.y;
}

// Loads the rows of a step; `missing` for rows beyond the end.
__device__ inline void load_rows(
    float* values, const float* x, const Walk& walk, unsigned row, float missing)
{
    for (int k = 0; k < ROWS_AT_ONCE; ++k, row += blockDim.y) {
        values[k] = row < walk.end ? x[index_of(row, walk.column, walk.columns)] : missing;
    }
}

__device__ inline void store_rows(float* y, const float* values, const Walk& walk, unsigned row)
{
    for (int k = 0; k < ROWS_AT_ONCE; ++k, row += blockDim.y) {
        if (row < walk.end) y[index_of(row, walk.column, walk.columns)] = values[k];
    }
}

// The sum of `value` over the threads of this column, in the order of y, returned to every thread.
// All threads of the block must call it. Each sum in a kernel needs its own array; in a loop there must be
// two of them in turn, or a barrier.
__device__ inline float column_sum(float* values, float value)
{
    values[threadIdx.y * blockDim.x + threadIdx.x] = value;
    __syncthreads();
    float sum = 0.0f;
    for (unsigned y = 0; y < blockDim.y; ++y) {
        sum += values[y * blockDim.x + threadIdx.x];
    }
    return sum;
}

// The sum of `value` over the threads of a block of one row, by a fixed tree, returned to every thread.
// All threads of the block must call it. Each sum needs its own array, or a barrier before it, unless only
// the first thread uses the result: it writes it, too.
__device__ inline float block_sum(float* values, float value)
{
    values[threadIdx.x] = value;
    for (unsigned left = blockDim.x; left > 1;) {
        __syncthreads();
        const unsigned half = (left + 1) / 2;
        if (threadIdx.x + half < left) values[threadIdx.x] += values[threadIdx.x + half];
        left = half;
    }
    __syncthreads();
    return values[0];
}

// Writes a sum to the gradient of a parameter, or accumulates it.
__device__ inline void store_gradient(float& gradient, float sum, unsigned accumulate)
{
    gradient = accumulate ? gradient + sum : sum;
}

// 1/(1 + e⁻ˣ), without overflow.
__device__ inline float sigmoid(float x)
{
    const float e = expf(-fabsf(x));
    const float small = e / (1.0f + e);
    return x < 0.0f ? small : 1.0f - small;
}

// activation(x)
__device__ inline float activate(unsigned activation, float slope, float x)
{
    switch (activation) {
    case RELU: return x > 0.0f ? x : 0.0f;
    case LEAKY_RELU: return x > 0.0f ? x : x * slope;
    case TANH: return tanhf(x);
    case SIGMOID: return sigmoid(x);
    default: return x;
    }
}

// activation′(y)·dy, from the output y
__device__ inline float activate_backward(unsigned activation, float slope, float y, float dy)
{
    switch (activation) {
    case RELU: return y > 0.0f ? dy : 0.0f;
    case LEAKY_RELU: return y > 0.0f ? dy : dy * slope;
    case TANH: return dy * (1.0f - y * y);
    case SIGMOID: return dy * y * (1.0f - y);
    default: return dy;
    }
}
