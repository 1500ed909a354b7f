// Batch normalization of a column by a block: its moments, its sums, and what is computed from them; the
// formulas are in batch_norm.cu. Included after common.cuh.

#pragma once

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

// The parts of a batch's rows, of all ranks: each rank has (values, parts, columns), `stride` behind those of
// the rank before.
struct Parts {
    const float* values;
    unsigned long long stride;
    unsigned ranks, parts, column, columns;

    __device__ unsigned count() const { return ranks * parts; }
    __device__ float value(unsigned which, unsigned part) const
    {
        return values[part / parts * stride + index_of(which * parts + part % parts, column, columns)];
    }
};

// The moments of all `rows` rows, from the moments of parts (Σ (x − mean)², mean, rows): Chan, Golub and
// LeVeque, "Algorithms for computing the sample variance", 1983.
__device__ inline Moments joined_moments(const Parts& of, unsigned rows)
{
    Moments all = {0.0f, 0.0f};
    for (unsigned part = 0; part < of.count(); ++part) {
        all.mean += of.value(2, part) / rows * of.value(1, part);
    }
    for (unsigned part = 0; part < of.count(); ++part) {
        const float deviation = of.value(1, part) - all.mean;
        all.squares += of.value(0, part) + of.value(2, part) * deviation * deviation;
    }
    return all;
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
