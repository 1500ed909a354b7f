// Batch normalisation of each column, fused with the activation behind it.
//
//   forward   mean = Σx/rows,  inv_std = 1/√(Σ(x − mean)²/rows + eps),  x̂ = (x − mean)·inv_std,
//             y = activation(gamma·x̂ + beta),
//             running ← (1 − momentum)·running + momentum·batch, with mean + b and the variance
//             over rows − 1
//   evaluate  y = activation(gamma·(x + b − running_mean)/√(running_var + eps) + beta)
//   backward  g = activation′(y) ⊙ dy,  dbeta = Σg,  dgamma = Σ g·x̂,
//             dx = gamma·inv_std·(g − Σg/rows − x̂·Σ(g·x̂)/rows)
//
// x, y, dx (rows, columns), all others (columns); without b it is 0. Outputs are overwritten, but
// running statistics are moved, dgamma and dbeta with `accumulate` added to, and dx is in place: it
// holds dy on entry, g in between. Deterministic: sums have a fixed order.

#include "common.cuh"

// Launch: columns. At least two rows. The variance has a pass of its own: a small one stays exact.
extern "C" __global__ void batch_norm_forward(
    float* __restrict__ y,             // (rows, columns)
    float* __restrict__ mean,          // (columns)
    float* __restrict__ inv_std,       // (columns)
    float* __restrict__ running_mean,  // (columns)
    float* __restrict__ running_var,   // (columns)
    const float* __restrict__ x,       // (rows, columns)
    const float* __restrict__ b,       // (columns) or null
    const float* __restrict__ gamma,   // (columns)
    const float* __restrict__ beta,    // (columns)
    int rows,
    int columns,
    float eps,
    float momentum,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column;
    __shared__ float sums[MAX_THREADS], squares[MAX_THREADS];
    float values[ROWS_AT_ONCE];

    float sum = 0.0f;
    for (unsigned row = threadIdx.y; row < walk.end; row = next_row(row)) {
        load_rows(values, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) sum += values[k];
    }
    const float mu = column_sum(sums, sum) / rows;
    float square = 0.0f;
    for (unsigned row = threadIdx.y; row < walk.end; row = next_row(row)) {
        load_rows(values, x, walk, row, mu);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) square += (values[k] - mu) * (values[k] - mu);
    }
    square = column_sum(squares, square);
    if (!walk.inside) return;

    const float scale = 1.0f / sqrtf(square / rows + eps);
    if (threadIdx.y == 0) {
        const float unbiased = square / (rows - 1);
        mean[column] = mu;
        inv_std[column] = scale;
        const float shifted = b ? mu + b[column] : mu;
        running_mean[column] = (1.0f - momentum) * running_mean[column] + momentum * shifted;
        running_var[column] = (1.0f - momentum) * running_var[column] + momentum * unbiased;
    }
    const float factor = gamma[column], shift = beta[column];
    for (unsigned row = threadIdx.y; row < walk.end; row = next_row(row)) {
        load_rows(values, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            const float xhat = (values[k] - mu) * scale;
            values[k] = activate(activation, slope, factor * xhat + shift);
        }
        store_rows(y, values, walk, row);
    }
}

// Launch: elementwise.
extern "C" __global__ void batch_norm_evaluate(
    float* __restrict__ y,                   // (rows, columns)
    const float* __restrict__ x,             // (rows, columns)
    const float* __restrict__ b,             // (columns) or null
    const float* __restrict__ running_mean,  // (columns)
    const float* __restrict__ running_var,   // (columns)
    const float* __restrict__ gamma,         // (columns)
    const float* __restrict__ beta,          // (columns)
    int rows,
    int columns,
    float eps,
    unsigned activation,
    float slope)
{
    const long long count = (long long)rows * columns;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const int column = i % columns;
        const float scale = 1.0f / sqrtf(running_var[column] + eps);
        const float shifted = b ? x[i] + b[column] : x[i];
        const float xhat = (shifted - running_mean[column]) * scale;
        y[i] = activate(activation, slope, gamma[column] * xhat + beta[column]);
    }
}

// Launch: columns.
extern "C" __global__ void batch_norm_backward(
    float* __restrict__ dx,             // (rows, columns)
    float* __restrict__ dgamma,         // (columns) or null
    float* __restrict__ dbeta,          // (columns) or null
    const float* __restrict__ y,        // (rows, columns)
    const float* __restrict__ x,        // (rows, columns)
    const float* __restrict__ mean,     // (columns)
    const float* __restrict__ inv_std,  // (columns)
    const float* __restrict__ gamma,    // (columns)
    int rows,
    int columns,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column;
    const float mu = walk.inside ? mean[column] : 0.0f;
    const float scale = walk.inside ? inv_std[column] : 0.0f;
    __shared__ float gamma_sums[MAX_THREADS], beta_sums[MAX_THREADS];
    float g[ROWS_AT_ONCE], out[ROWS_AT_ONCE], in[ROWS_AT_ONCE];

    float gamma_sum = 0.0f, beta_sum = 0.0f;
    for (unsigned row = threadIdx.y; row < walk.end; row = next_row(row)) {
        load_rows(g, dx, walk, row, 0.0f);
        load_rows(out, y, walk, row, 0.0f);
        load_rows(in, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            g[k] = activate_backward(activation, slope, out[k], g[k]);
            gamma_sum += g[k] * ((in[k] - mu) * scale);
            beta_sum += g[k];
        }
        store_rows(dx, g, walk, row);
    }
    gamma_sum = column_sum(gamma_sums, gamma_sum);
    beta_sum = column_sum(beta_sums, beta_sum);
    if (!walk.inside) return;

    if (threadIdx.y == 0) {
        if (dgamma) store_gradient(dgamma[column], gamma_sum, accumulate);
        if (dbeta) store_gradient(dbeta[column], beta_sum, accumulate);
    }
    const float factor = gamma[column] * scale;
    const float gamma_share = gamma_sum / rows, beta_share = beta_sum / rows;
    for (unsigned row = threadIdx.y; row < walk.end; row = next_row(row)) {
        load_rows(g, dx, walk, row, 0.0f);
        load_rows(in, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            const float xhat = (in[k] - mu) * scale;
            g[k] = factor * (g[k] - beta_share - xhat * gamma_share);
        }
        store_rows(dx, g, walk, row);
    }
}
