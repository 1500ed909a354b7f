// What the kernels share: where a thread works, sums over a block, activations.
//
// Matrices are row-major. There are three kinds of launch, each right for every size of block:
//   elementwise  one-dimensional; a thread starts at first_element(), goes on by element_stride()
//   columns      blocks of (x, y) threads and a thread in x for every column; thread (x, y) walks
//                rows y, y + blockDim.y, … of its column, and column_sum() adds up over y
//   parts        the same, where each y of the grid has a part of the rows, as even as can be
// Sums have a fixed order: the same launch gives the same bits. No atomics on floats, no fast-
// math.

#pragma once

// Threads of the largest block; __shared__ arrays have a place for each.
enum { MAX_THREADS = 1024 };

// An elementwise function, by the number that a launch passes; y′ is had from the output y.
enum Activation {
    IDENTITY = 0,    // y = x;                        y′ = 1
    RELU = 1,        // y = max(x, 0);                y′ = 1 where y > 0, else 0
    LEAKY_RELU = 2,  // y = x where x > 0, else s·x;  y′ = 1 where y > 0, else s
    TANH = 3,        // y = tanh x;                   y′ = 1 − y²
    SIGMOID = 4,     // y = 1/(1 + e⁻ˣ);              y′ = y·(1 − y)
};

// The first element of this thread in an elementwise launch. Matrices may have more than 2³¹.
__device__ inline long long first_element()
{
    return (long long)blockIdx.x * blockDim.x + threadIdx.x;
}

// The way from one element of a thread to its next.
__device__ inline long long element_stride()
{
    return (long long)gridDim.x * blockDim.x;
}

// Where (row, column) of a matrix is stored.
__device__ inline unsigned long long index_of(unsigned row, unsigned column, unsigned columns)
{
    return (unsigned long long)row * columns + column;
}

// A thread's way down its column in a columns or parts launch. Beyond the last column there are no
// rows to walk, but the barriers wait for the thread all the same.
struct Walk {
    unsigned column, columns, begin, end;
    bool inside;
};

// The first row of a part out of `parts`; of the part behind the last, the rows' end.
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

// Rows that a walk takes in one step. All are loaded before any is stored: the compiler cannot
// tell rows apart, so a store would hold back the next load, and each would be waited for alone.
enum { ROWS_AT_ONCE = 4 };

// The row behind those of a step that begins at `row`.
__device__ inline unsigned next_row(unsigned row)
{
    return row + ROWS_AT_ONCE * blockDim.y;
}

// The rows of a step; `missing` in place of those beyond the end.
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

// The sum of `value` over the threads of this column, in the order of y; every thread gets it.
// All threads of the block must call it, and each sum of a kernel needs an array of its own.
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

// Writes a sum to the gradient of a parameter, or adds it to what is there.
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
