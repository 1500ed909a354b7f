// What surrounds the matrix products of a fully connected layer, y = activation(mask ⊙ (x·Wᵀ + b)).
//
//   forward   y ← activation(mask ⊙ (y + b))                      y holds x·Wᵀ on entry
//   alone     y = activation(mask ⊙ x)
//   backward  dz ← activation′(y) ⊙ mask ⊙ dz,  db = Σ rows of dz  dz holds dy on entry
//
// y, x, dz, mask (rows, columns), b, db (columns). y and dz are changed in place; db is overwritten, or
// with `accumulate` added to.
// Deterministic: db is summed in a fixed order.

#include "common.cuh"

// Launch: elementwise.
extern "C" __global__ void bias_activation_forward(
    float* __restrict__ y,           // (rows, columns)
    const float* __restrict__ b,     // (columns) or null
    const float* __restrict__ mask,  // (rows, columns) or null
    int rows,
    int columns,
    unsigned activation,
    float slope)
{
    const long long count = (long long)rows * columns;
    for (long long i = first_element(); i < count; i += element_stride()) {
        float z = y[i];
        if (b) z += b[i % columns];
        if (mask) z *= mask[i];
        y[i] = activate(activation, slope, z);
    }
}

// Launch: elementwise.
extern "C" __global__ void activation_forward(
    float* __restrict__ y,           // (rows, columns)
    const float* __restrict__ x,     // (rows, columns)
    const float* __restrict__ mask,  // (rows, columns) or null
    int rows,
    int columns,
    unsigned activation,
    float slope)
{
    const long long count = (long long)rows * columns;
    for (long long i = first_element(); i < count; i += element_stride()) {
        y[i] = activate(activation, slope, mask ? mask[i] * x[i] : x[i]);
    }
}

// Launch: columns.
extern "C" __global__ void bias_activation_backward(
    float* __restrict__ dz,          // (rows, columns)
    float* __restrict__ db,          // (columns) or null
    const float* __restrict__ y,     // (rows, columns)
    const float* __restrict__ mask,  // (rows, columns) or null
    int rows,
    int columns,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    float sum = 0.0f;
    for (unsigned row = threadIdx.y; row < walk.end; row = next_row(row)) {
        float d[ROWS_AT_ONCE], out[ROWS_AT_ONCE], factor[ROWS_AT_ONCE];
        load_rows(d, dz, walk, row, 0.0f);
        load_rows(out, y, walk, row, 0.0f);
        if (mask) load_rows(factor, mask, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            if (mask) d[k] *= factor[k];
            d[k] = activate_backward(activation, slope, out[k], d[k]);
            sum += d[k];
        }
        store_rows(dz, d, walk, row);
    }
    if (!db) return;

    __shared__ float sums[MAX_THREADS];
    sum = column_sum(sums, sum);
    if (threadIdx.y == 0 && walk.inside) store_gradient(db[walk.column], sum, accumulate);
}
