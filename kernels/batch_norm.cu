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
// Each batch has statistics of its own; those that are running, dgamma and dbeta are of all batches, one
// after the other. x, y, dx (batches, rows, columns), mean, inv_std (batches, columns), all others
// (columns); b is optional. Outputs are overwritten, except that running statistics are updated, dgamma
// and dbeta are accumulated with `accumulate`, and dx is in place: it holds dy on entry, g in between.
// Deterministic: sums have a fixed order.
//
// In a parts launch, each z of the grid has a batch.

#include "common.cuh"
#include "gemm.cuh"

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
    float* __restrict__ moments,  // (batches, 2, parts, columns): Σ (x − mean)², mean
    const float* __restrict__ x,  // (batches, rows, columns)
    int batches,
    int rows,
    int columns,
    int parts)
{
    moments += index_of(blockIdx.z, 0, 2 * parts * columns);
    x += index_of(blockIdx.z, 0, rows) * columns;
    const Walk walk = walk_of_thread(rows, columns);
    __shared__ float sums[MAX_THREADS], squares[MAX_THREADS];
    const unsigned own =
        first_row(rows, parts, blockIdx.y + 1) - first_row(rows, parts, blockIdx.y);
    const Moments found = block_moments(sums, squares, x, walk, own);
    if (threadIdx.y != 0 || !walk.inside) return;

    moments[index_of(blockIdx.y, walk.column, columns)] = found.squares;
    moments[index_of(parts + blockIdx.y, walk.column, columns)] = found.mean;
}

// Updates a column's running statistics.
__device__ inline void update_running(
    float& running_mean, float& running_var, const float* b, Moments batch, int rows, float momentum)
{
    const float shifted = b ? batch.mean + *b : batch.mean;
    const float unbiased = batch.squares / (rows - 1);
    running_mean = (1.0f - momentum) * running_mean + momentum * shifted;
    running_var = (1.0f - momentum) * running_var + momentum * unbiased;
}

// After the moments of a batch: the statistics, written by the first part only, and y.
__device__ inline void normalize(
    float* y,
    float* mean,
    float* inv_std,
    const float* x,
    const float* gamma,
    const float* beta,
    const Walk& walk,
    Moments batch,
    int rows,
    float eps,
    unsigned activation,
    float slope)
{
    const unsigned column = walk.column;
    const float mu = batch.mean, scale = 1.0f / sqrtf(batch.squares / rows + eps);
    if (threadIdx.y == 0 && blockIdx.y == 0) {
        mean[column] = mu;
        inv_std[column] = scale;
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
    float* __restrict__ y,             // (batches, rows, columns)
    float* __restrict__ mean,          // (batches, columns)
    float* __restrict__ inv_std,       // (batches, columns)
    float* __restrict__ running_mean,  // (columns)
    float* __restrict__ running_var,   // (columns)
    const float* __restrict__ x,       // (batches, rows, columns)
    const float* __restrict__ b,       // (columns) or null
    const float* __restrict__ gamma,   // (columns)
    const float* __restrict__ beta,    // (columns)
    int batches,
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
    for (int batch = 0; batch < batches; ++batch) {
        const unsigned long long all = index_of(batch, 0, rows) * columns;
        const unsigned long long own = index_of(batch, 0, columns);
        const Moments found = block_moments(sums, squares, x + all, walk, rows);
        if (!walk.inside) continue;

        if (threadIdx.y == 0) {
            update_running(
                running_mean[column], running_var[column], b ? b + column : b, found, rows, momentum);
        }
        normalize(y + all, mean + own, inv_std + own, x + all, gamma, beta, walk, found, rows, eps,
                  activation, slope);
    }
}

// Launch: parts, the same as those of `moments`. At least two rows.
extern "C" __global__ void batch_norm_forward_parts(
    float* __restrict__ y,              // (batches, rows, columns)
    float* __restrict__ mean,           // (batches, columns)
    float* __restrict__ inv_std,        // (batches, columns)
    float* __restrict__ running_mean,   // (columns)
    float* __restrict__ running_var,    // (columns)
    const float* __restrict__ x,        // (batches, rows, columns)
    const float* __restrict__ moments,  // (batches, 2, parts, columns)
    const float* __restrict__ b,        // (columns) or null
    const float* __restrict__ gamma,    // (columns)
    const float* __restrict__ beta,     // (columns)
    int batches,
    int rows,
    int columns,
    int parts,
    float eps,
    float momentum,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column, batch = blockIdx.z;
    if (!walk.inside) return;

    // The first part of the first batch updates the running statistics with those of all.
    const bool first = threadIdx.y == 0 && blockIdx.y == 0 && batch == 0;
    for (int other = 0; first && other < batches; ++other) {
        const float* own = moments + index_of(other, 0, 2 * parts * columns);
        const Moments found = joined_moments(own, column, columns, rows, parts);
        update_running(
            running_mean[column], running_var[column], b ? b + column : b, found, rows, momentum);
    }
    moments += index_of(batch, 0, 2 * parts * columns);
    const Moments found = joined_moments(moments, column, columns, rows, parts);
    const unsigned long long all = index_of(batch, 0, rows) * columns;
    const unsigned long long own = index_of(batch, 0, columns);
    normalize(y + all, mean + own, inv_std + own, x + all, gamma, beta, walk, found, rows, eps,
              activation, slope);
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
    float* __restrict__ sums,           // (batches, 2, parts, columns): Σ g·x̂, Σ g
    float* __restrict__ dx,             // (batches, rows, columns): g afterwards
    const float* __restrict__ y,        // (batches, rows, columns)
    const float* __restrict__ x,        // (batches, rows, columns)
    const float* __restrict__ mean,     // (batches, columns)
    const float* __restrict__ inv_std,  // (batches, columns)
    int batches,
    int rows,
    int columns,
    int parts,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned long long all = index_of(blockIdx.z, 0, rows) * columns;
    const unsigned long long own = index_of(blockIdx.z, walk.column, columns);
    const float mu = walk.inside ? mean[own] : 0.0f, scale = walk.inside ? inv_std[own] : 0.0f;
    __shared__ float gamma_sums[MAX_THREADS], beta_sums[MAX_THREADS];
    const Sums found = block_sums(
        gamma_sums, beta_sums, dx + all, y + all, x + all, walk, mu, scale, activation, slope);
    if (threadIdx.y != 0 || !walk.inside) return;

    sums += index_of(blockIdx.z, 0, 2 * parts * columns);
    sums[index_of(blockIdx.y, walk.column, columns)] = found.gamma;
    sums[index_of(parts + blockIdx.y, walk.column, columns)] = found.beta;
}

// The gradients of a column's gamma and beta, if they are asked for.
__device__ inline void store_gradients(
    float* dgamma, float* dbeta, unsigned column, Sums all, unsigned accumulate)
{
    if (dgamma) store_gradient(dgamma[column], all.gamma, accumulate);
    if (dbeta) store_gradient(dbeta[column], all.beta, accumulate);
}

// After the sums of a batch: dx.
__device__ inline void backward(
    float* dx,
    const float* x,
    const float* gamma,
    const Walk& walk,
    Sums all,
    float mu,
    float scale,
    int rows)
{
    const float factor = gamma[walk.column] * scale;
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
    float* __restrict__ dx,             // (batches, rows, columns)
    float* __restrict__ dgamma,         // (columns) or null
    float* __restrict__ dbeta,          // (columns) or null
    const float* __restrict__ y,        // (batches, rows, columns)
    const float* __restrict__ x,        // (batches, rows, columns)
    const float* __restrict__ mean,     // (batches, columns)
    const float* __restrict__ inv_std,  // (batches, columns)
    const float* __restrict__ gamma,    // (columns)
    int batches,
    int rows,
    int columns,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    __shared__ float gamma_sums[MAX_THREADS], beta_sums[MAX_THREADS];
    for (int batch = 0; batch < batches; ++batch) {
        const unsigned long long all = index_of(batch, 0, rows) * columns;
        const unsigned long long own = index_of(batch, walk.column, columns);
        const float mu = walk.inside ? mean[own] : 0.0f, scale = walk.inside ? inv_std[own] : 0.0f;
        const Sums found = block_sums(
            gamma_sums, beta_sums, dx + all, y + all, x + all, walk, mu, scale, activation, slope);
        if (!walk.inside) continue;

        // Further batches accumulate.
        const unsigned add = accumulate || batch > 0;
        if (threadIdx.y == 0) store_gradients(dgamma, dbeta, walk.column, found, add);
        backward(dx + all, x + all, gamma, walk, found, mu, scale, rows);
    }
}

// The sums of a batch from those of its parts, (2, parts, columns).
__device__ inline Sums joined_sums(const float* sums, unsigned column, unsigned columns, unsigned parts)
{
    Sums all = {0.0f, 0.0f};
    for (unsigned part = 0; part < parts; ++part) {
        all.gamma += sums[index_of(part, column, columns)];
        all.beta += sums[index_of(parts + part, column, columns)];
    }
    return all;
}

// Launch: parts, the same as those of `sums`. dx holds g on entry.
extern "C" __global__ void batch_norm_backward_parts(
    float* __restrict__ dx,             // (batches, rows, columns)
    float* __restrict__ dgamma,         // (columns) or null
    float* __restrict__ dbeta,          // (columns) or null
    const float* __restrict__ sums,     // (batches, 2, parts, columns)
    const float* __restrict__ x,        // (batches, rows, columns)
    const float* __restrict__ mean,     // (batches, columns)
    const float* __restrict__ inv_std,  // (batches, columns)
    const float* __restrict__ gamma,    // (columns)
    int batches,
    int rows,
    int columns,
    int parts,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column, batch = blockIdx.z;
    if (!walk.inside) return;

    // The first part of the first batch adds up the gradients of all.
    const bool first = threadIdx.y == 0 && blockIdx.y == 0 && batch == 0;
    for (int other = 0; first && other < batches; ++other) {
        const float* own = sums + index_of(other, 0, 2 * parts * columns);
        const Sums found = joined_sums(own, column, columns, parts);
        store_gradients(dgamma, dbeta, column, found, accumulate || other > 0);
    }
    sums += index_of(batch, 0, 2 * parts * columns);
    const Sums found = joined_sums(sums, column, columns, parts);
    const unsigned long long all = index_of(batch, 0, rows) * columns;
    const unsigned long long own = index_of(batch, column, columns);
    backward(dx + all, x + all, gamma, walk, found, mean[own], inv_std[own], rows);
}

// Launch: gemm. At least two rows. x = input·wᵀ of a Linear layer, and the forward pass.
extern "C" __global__ void gemm_batch_norm_forward(
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
    wait_for_the_kernel_before(running_mean, running_var, input, w, b, gamma, beta);
    __shared__ GemmMemory memory;
    __shared__ float sums[GEMM_THREADS], squares[GEMM_THREADS];
    multiply_columns(memory, x, with_transposed(input, w, rows, columns, inputs));
    const Walk walk = walk_of_thread(rows, columns);
    const Moments batch = block_moments(sums, squares, x, walk, rows);
    if (!walk.inside) return;

    const unsigned column = walk.column;
    if (threadIdx.y == 0) {
        update_running(
            running_mean[column], running_var[column], b ? b + column : b, batch, rows, momentum);
    }
    normalize(y, mean, inv_std, x, gamma, beta, walk, batch, rows, eps, activation, slope);
}

// Launch: gemm. dy = dz·w of the Linear layer behind, in dx, and the backward pass.
extern "C" __global__ void gemm_batch_norm_backward(
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
    wait_for_the_kernel_before(dgamma, dbeta, dz, w, y, x, mean, inv_std, gamma);
    __shared__ GemmMemory memory;
    __shared__ float gamma_sums[GEMM_THREADS], beta_sums[GEMM_THREADS];
    multiply_columns(memory, dx, with_columns(dz, w, rows, columns, outputs, columns));
    const Walk walk = walk_of_thread(rows, columns);
    const float mu = walk.inside ? mean[walk.column] : 0.0f;
    const float scale = walk.inside ? inv_std[walk.column] : 0.0f;
    const Sums all =
        block_sums(gamma_sums, beta_sums, dx, y, x, walk, mu, scale, activation, slope);
    if (!walk.inside) return;

    if (threadIdx.y == 0) store_gradients(dgamma, dbeta, walk.column, all, accumulate);
    backward(dx, x, gamma, walk, all, mu, scale, rows);
}
