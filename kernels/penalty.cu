// Gradient penalties of a discriminator.
//
//   interpolation  images[2, i] = alpha[i]·images[0, i] + (1 − alpha[i])·images[1, i]
//   penalty        factor·Σ(‖g[i]‖ − norm)²/whole,  v[i] = slope·(1 − norm/‖g[i]‖)·g[i], 0 where g[i] is 0
//   row weights    y[i] = weights[i]·x[i], or y[i] += weights[i]·x[i] with `accumulate`
//   fill           x = value
//
// with slope = scale·2·factor/whole; other ranks have the rest of the batch's `whole` rows. images (3, rows,
// pixels), g, v (rows, pixels), alpha (rows). v is computed in place of g, and images[2] updated; the other
// outputs are overwritten. Deterministic: sums by fixed trees.

#include "common.cuh"

// Launch: elementwise.
extern "C" __global__ void images_interpolate(
    float* __restrict__ images,       // (3, rows, pixels)
    const float* __restrict__ alpha,  // (rows)
    int rows,
    int pixels)
{
    const long long count = (long long)rows * pixels;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const float weight = alpha[i / pixels];
        images[2 * count + i] = weight * images[i] + (1.0f - weight) * images[count + i];
    }
}

// Launch: a block for each part of the rows. Computes each part's sum of (‖g‖ − norm)².
extern "C" __global__ void penalty_forward_backward(
    float* __restrict__ v,     // (rows, pixels)
    float* __restrict__ sums,  // (parts)
    int rows,
    int pixels,
    int parts,  // as many blocks
    float norm,
    float slope)
{
    __shared__ float values[MAX_THREADS];
    float penalty = 0.0f;
    for (unsigned row = blockIdx.x; row < (unsigned)rows; row += parts) {
        float* g = v + index_of(row, 0, pixels);
        float square = 0.0f;
        for (unsigned i = threadIdx.x; i < (unsigned)pixels; i += blockDim.x) square += g[i] * g[i];
        // All threads must have read the last row's sum.
        __syncthreads();
        const float length = sqrtf(block_sum(values, square));
        const float factor = length > 0.0f ? 1.0f - norm / length : 0.0f;
        for (unsigned i = threadIdx.x; i < (unsigned)pixels; i += blockDim.x) {
            g[i] = slope * factor * g[i];
        }
        penalty += (length - norm) * (length - norm);
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = penalty;
}

// Launch: one thread. Writes factor/whole times the sum of all parts to the ring buffer.
extern "C" __global__ void penalty_total(
    float* __restrict__ ring,           // (ring_rows, ring_columns)
    const float* __restrict__ sums,     // (parts)
    const unsigned* __restrict__ step,  // (1)
    int parts,
    int ring_rows,
    int ring_columns,
    int column,
    float factor)
{
    float sum = 0.0f;
    for (int part = 0; part < parts; ++part) sum += sums[part];
    ring[*step % ring_rows * ring_columns + column] = factor * sum;
}

// Launch: elementwise.
extern "C" __global__ void rows_scale(
    float* __restrict__ y,              // (rows, columns)
    const float* __restrict__ x,        // (rows, columns)
    const float* __restrict__ weights,  // (rows)
    int rows,
    int columns,
    unsigned accumulate)
{
    const long long count = (long long)rows * columns;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const float value = weights[i / columns] * x[i];
        y[i] = accumulate ? y[i] + value : value;
    }
}

// Launch: elementwise.
extern "C" __global__ void constant_fill(
    float* __restrict__ x,  // (n)
    int n,
    float value)
{
    for (long long i = first_element(); i < n; i += element_stride()) x[i] = value;
}
