// Batch normalization of each column, fused with the activation that follows it.
//
//   forward   mean = Σx/rows,  inv_std = 1/√(Σ(x − mean)²/rows + eps),  x̂ = (x − mean)·inv_std,
//             y = activation(gamma·x̂ + beta),
//             running ← (1 − momentum)·running + momentum·batch, with mean + b and the variance
//             over rows − 1
//   evaluate  y = activation(gamma·(x + b − running_mean)/√(running_var + eps) + beta)
//   backward  g = activation′(y) ⊙ dy,  dbeta = Σg,  dgamma = Σ g·x̂,
//             dx = gamma·inv_std·(g − Σg/rows − x̂·Σ(g·x̂)/rows)
//
// x, y, dx (rows, columns), all others (columns); b is optional. Outputs are overwritten, except that
// running statistics are updated, dgamma and dbeta are accumulated with `accumulate`, and dx is in
// place: it holds dy on entry, g in between. Deterministic: sums have a fixed order.

#include "common.cuh"
#include "product.cuh"

// A column's mean, and its sum of squared deviations from the mean, computed in a second pass so that
// a small variance is accurate.
struct Moments {
    float mean, squares;
};

// The moments of the rows that a block walks. The arrays are shared by the block.
__device__ inline Moments block_moments(
    float* sums, float* squares, const float* x, const Walk& walk, unsigned rows)
{
    float values[ROWS_AT_ONCE];
    float sum = 0.0f;
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        load_rows(values, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) sum += values[k];
    }
    const float mean = column_sum(sums, sum) / max(rows, 1u);
    float square = 0.0f;
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        load_rows(values, x, walk, row, mean);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) square += (values[k] - mean) * (values[k] - mean);
    }
    return {mean, column_sum(squares, square)};
}

// The moments of all rows, from the moments (2, parts, columns) of parts: Chan, Golub and LeVeque,
// "Algorithms for computing the sample variance", 1983.
__device__ inline Moments joined_moments(
    const float* moments, unsigned column, unsigned columns, unsigned rows, unsigned parts)
{
    Moments all = {0.0f, 0.0f};
    for (unsigned part = 0; part < parts; ++part) {
        const float count = first_row(rows, parts, part + 1) - first_row(rows, parts, part);
        all.mean += count / rows * moments[index_of(parts + part, column, columns)];
    }
    for (unsigned part = 0; part < parts; ++part) {
        const float count = first_row(rows, parts, part + 1) - first_row(rows, parts, part);
        const float deviation = moments[index_of(parts + part, column, columns)] - all.mean;
        all.squares += moments[index_of(part, column, columns)] + count * deviation * deviation;
    }
    return all;
}

// Launch: parts.
extern "C" __global__ void batch_norm_moments(
    float* __restrict__ moments,  // (2, parts, columns): Σ (x − mean)², mean
    const float* __restrict__ x,  // (rows, columns)
    int rows,
    int columns,
    int parts)
{
    const Walk walk = walk_of_thread(rows, columns);
    __shared__ float sums[MAX_THREADS], squares[MAX_THREADS];
    const unsigned own =
        first_row(rows, parts, blockIdx.y + 1) - first_row(rows, parts, blockIdx.y);
    const Moments found = block_moments(sums, squares, x, walk, own);
    if (threadIdx.y != 0 || !walk.inside) return;

    moments[index_of(blockIdx.y, walk.column, columns)] = found.squares;
    moments[index_of(parts + blockIdx.y, walk.column, columns)] = found.mean;
}

// After the moments of a batch: the statistics, written by the first part only, and y.
__device__ inline void normalize(
    float* y,
    float* mean,
    float* inv_std,
    float* running_mean,
    float* running_var,
    const float* x,
    const float* b,
    const float* gamma,
    const float* beta,
    const Walk& walk,
    Moments batch,
    int rows,
    float eps,
    float momentum,
    unsigned activation,
    float slope)
{
    const unsigned column = walk.column;
    const float mu = batch.mean, scale = 1.0f / sqrtf(batch.squares / rows + eps);
    if (threadIdx.y == 0 && blockIdx.y == 0) {
        const float unbiased = batch.squares / (rows - 1);
        mean[column] = mu;
        inv_std[column] = scale;
        const float shifted = b ? mu + b[column] : mu;
        running_mean[column] = (1.0f - momentum) * running_mean[column] + momentum * shifted;
        running_var[column] = (1.0f - momentum) * running_var[column] + momentum * unbiased;
    }
    const float factor = gamma[column], shift = beta[column];
    float values[ROWS_AT_ONCE];
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        load_rows(values, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            const float xhat = (values[k] - mu) * scale;
            values[k] = activate(activation, slope, factor * xhat + shift);
        }
        store_rows(y, values, walk, row);
    }
}

// Launch: columns. At least two rows.
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
    __shared__ float sums[MAX_THREADS], squares[MAX_THREADS];
    const Moments batch = block_moments(sums, squares, x, walk, rows);
    if (!walk.inside) return;

    normalize(y, mean, inv_std, running_mean, running_var, x, b, gamma, beta, walk, batch, rows,
              eps, momentum, activation, slope);
}

// Launch: parts, the same as those of `moments`. At least two rows.
extern "C" __global__ void batch_norm_forward_parts(
    float* __restrict__ y,              // (rows, columns)
    float* __restrict__ mean,           // (columns)
    float* __restrict__ inv_std,        // (columns)
    float* __restrict__ running_mean,   // (columns)
    float* __restrict__ running_var,    // (columns)
    const float* __restrict__ x,        // (rows, columns)
    const float* __restrict__ moments,  // (2, parts, columns)
    const float* __restrict__ b,        // (columns) or null
    const float* __restrict__ gamma,    // (columns)
    const float* __restrict__ beta,     // (columns)
    int rows,
    int columns,
    int parts,
    float eps,
    float momentum,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    if (!walk.inside) return;

    const Moments batch = joined_moments(moments, walk.column, columns, rows, parts);
    normalize(y, mean, inv_std, running_mean, running_var, x, b, gamma, beta, walk, batch, rows,
              eps, momentum, activation, slope);
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

// Σ g·x̂ and Σ g of a column.
struct Sums {
    float gamma, beta;
};

// dx ← g, and the sums over the rows that a block walks. The arrays are shared by the block.
__device__ inline Sums block_sums(
    float* gamma_sums,
    float* beta_sums,
    float* dx,
    const float* y,
    const float* x,
    const Walk& walk,
    float mu,
    float scale,
    unsigned activation,
    float slope)
{
    float g[ROWS_AT_ONCE], out[ROWS_AT_ONCE], in[ROWS_AT_ONCE];
    float gamma_sum = 0.0f, beta_sum = 0.0f;
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
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
    return {column_sum(gamma_sums, gamma_sum), column_sum(beta_sums, beta_sum)};
}

// Launch: parts.
extern "C" __global__ void batch_norm_backward_sums(
    float* __restrict__ sums,           // (2, parts, columns): Σ g·x̂, Σ g
    float* __restrict__ dx,             // (rows, columns): g afterwards
    const float* __restrict__ y,        // (rows, columns)
    const float* __restrict__ x,        // (rows, columns)
    const float* __restrict__ mean,     // (columns)
    const float* __restrict__ inv_std,  // (columns)
    int rows,
    int columns,
    int parts,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    const float mu = walk.inside ? mean[walk.column] : 0.0f;
    const float scale = walk.inside ? inv_std[walk.column] : 0.0f;
    __shared__ float gamma_sums[MAX_THREADS], beta_sums[MAX_THREADS];
    const Sums found =
        block_sums(gamma_sums, beta_sums, dx, y, x, walk, mu, scale, activation, slope);
    if (threadIdx.y != 0 || !walk.inside) return;

    sums[index_of(blockIdx.y, walk.column, columns)] = found.gamma;
    sums[index_of(parts + blockIdx.y, walk.column, columns)] = found.beta;
}

// After the sums of a batch: gradients of gamma and beta, written by the first part only, and dx.
__device__ inline void backward(
    float* dx,
    float* dgamma,
    float* dbeta,
    const float* x,
    const float* gamma,
    const Walk& walk,
    Sums all,
    float mu,
    float scale,
    int rows,
    unsigned accumulate)
{
    const unsigned column = walk.column;
    if (threadIdx.y == 0 && blockIdx.y == 0) {
        if (dgamma) store_gradient(dgamma[column], all.gamma, accumulate);
        if (dbeta) store_gradient(dbeta[column], all.beta, accumulate);
    }
    const float factor = gamma[column] * scale;
    const float gamma_share = all.gamma / rows, beta_share = all.beta / rows;
    float g[ROWS_AT_ONCE], in[ROWS_AT_ONCE];
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        load_rows(g, dx, walk, row, 0.0f);
        load_rows(in, x, walk, row, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            const float xhat = (in[k] - mu) * scale;
            g[k] = factor * (g[k] - beta_share - xhat * gamma_share);
        }
        store_rows(dx, g, walk, row);
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
    const float mu = walk.inside ? mean[walk.column] : 0.0f;
    const float scale = walk.inside ? inv_std[walk.column] : 0.0f;
    __shared__ float gamma_sums[MAX_THREADS], beta_sums[MAX_THREADS];
    const Sums all =
        block_sums(gamma_sums, beta_sums, dx, y, x, walk, mu, scale, activation, slope);
    if (!walk.inside) return;

    backward(dx, dgamma, dbeta, x, gamma, walk, all, mu, scale, rows, accumulate);
}

// Launch: parts, the same as those of `sums`. dx holds g on entry.
extern "C" __global__ void batch_norm_backward_parts(
    float* __restrict__ dx,             // (rows, columns)
    float* __restrict__ dgamma,         // (columns) or null
    float* __restrict__ dbeta,          // (columns) or null
    const float* __restrict__ sums,     // (2, parts, columns)
    const float* __restrict__ x,        // (rows, columns)
    const float* __restrict__ mean,     // (columns)
    const float* __restrict__ inv_std,  // (columns)
    const float* __restrict__ gamma,    // (columns)
    int rows,
    int columns,
    int parts,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column;
    if (!walk.inside) return;

    Sums all = {0.0f, 0.0f};
    for (int part = 0; part < parts; ++part) {
        all.gamma += sums[index_of(part, column, columns)];
        all.beta += sums[index_of(parts + part, column, columns)];
    }
    backward(dx, dgamma, dbeta, x, gamma, walk, all, mean[column], inv_std[column], rows,
             accumulate);
}

// Launch: products. At least two rows. x = input·wᵀ of a Linear layer, and the forward pass.
extern "C" __global__ void product_batch_norm_forward(
    float* __restrict__ y,             // (rows, columns)
    float* __restrict__ mean,          // (columns)
    float* __restrict__ inv_std,       // (columns)
    float* __restrict__ running_mean,  // (columns)
    float* __restrict__ running_var,   // (columns)
    float* __restrict__ x,             // (rows, columns)
    const float* __restrict__ input,   // (rows, inputs)
    const float* __restrict__ w,       // (columns, inputs)
    const float* __restrict__ b,       // (columns) or null
    const float* __restrict__ gamma,   // (columns)
    const float* __restrict__ beta,    // (columns)
    int rows,
    int columns,
    int inputs,
    float eps,
    float momentum,
    unsigned activation,
    float slope)
{
    wait_for_the_kernel_before();
    __shared__ ProductMemory memory;
    __shared__ float sums[PRODUCT_THREADS], squares[PRODUCT_THREADS];
    multiply_columns(memory, x, with_transposed(input, w, rows, columns, inputs));
    const Walk walk = walk_of_thread(rows, columns);
    const Moments batch = block_moments(sums, squares, x, walk, rows);
    if (!walk.inside) return;

    normalize(y, mean, inv_std, running_mean, running_var, x, b, gamma, beta, walk, batch, rows,
              eps, momentum, activation, slope);
}

// Launch: products. dy = dz·w of the Linear layer behind, in dx, and the backward pass.
extern "C" __global__ void product_batch_norm_backward(
    float* __restrict__ dx,             // (rows, columns)
    float* __restrict__ dgamma,         // (columns) or null
    float* __restrict__ dbeta,          // (columns) or null
    const float* __restrict__ dz,       // (rows, outputs)
    const float* __restrict__ w,        // (outputs, columns)
    const float* __restrict__ y,        // (rows, columns)
    const float* __restrict__ x,        // (rows, columns)
    const float* __restrict__ mean,     // (columns)
    const float* __restrict__ inv_std,  // (columns)
    const float* __restrict__ gamma,    // (columns)
    int rows,
    int columns,
    int outputs,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    wait_for_the_kernel_before();
    __shared__ ProductMemory memory;
    __shared__ float gamma_sums[PRODUCT_THREADS], beta_sums[PRODUCT_THREADS];
    multiply_columns(memory, dx, with_columns(dz, w, rows, columns, outputs, columns));
    const Walk walk = walk_of_thread(rows, columns);
    const float mu = walk.inside ? mean[walk.column] : 0.0f;
    const float scale = walk.inside ? inv_std[walk.column] : 0.0f;
    const Sums all =
        block_sums(gamma_sums, beta_sums, dx, y, x, walk, mu, scale, activation, slope);
    if (!walk.inside) return;

    backward(dx, dgamma, dbeta, x, gamma, walk, all, mu, scale, rows, accumulate);
}
