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
// In a parts launch, each z of the grid has a batch. The rows of a batch may be divided among ranks: then
// statistics and the sums in dx are those of all `whole` rows, from the parts of all ranks; dgamma and dbeta
// are sums over this rank's rows.

#include "common.cuh"
#include "batch_norm.cuh"

// Launch: parts.
extern "C" __global__ void batch_norm_moments(
    float* __restrict__ moments,  // (batches, 3, parts, columns): Σ (x − mean)², mean, rows
    const float* __restrict__ x,  // (batches, rows, columns)
    int batches,
    int rows,
    int columns,
    int parts)
{
    moments += index_of(blockIdx.z, 0, 3 * parts * columns);
    x += index_of(blockIdx.z, 0, rows) * columns;
    const Walk walk = walk_of_thread(rows, columns);
    __shared__ float sums[MAX_THREADS], squares[MAX_THREADS];
    const unsigned own =
        first_row(rows, parts, blockIdx.y + 1) - first_row(rows, parts, blockIdx.y);
    const Moments found = block_moments(sums, squares, x, walk, own);
    if (threadIdx.y != 0 || !walk.inside) return;

    moments[index_of(blockIdx.y, walk.column, columns)] = found.squares;
    moments[index_of(parts + blockIdx.y, walk.column, columns)] = found.mean;
    moments[index_of(2 * parts + blockIdx.y, walk.column, columns)] = own;
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

// Launch: parts, the same as those of `moments`. At least two rows in all.
extern "C" __global__ void batch_norm_forward_parts(
    float* __restrict__ y,              // (batches, rows, columns)
    float* __restrict__ mean,           // (batches, columns)
    float* __restrict__ inv_std,        // (batches, columns)
    float* __restrict__ running_mean,   // (columns)
    float* __restrict__ running_var,    // (columns)
    const float* __restrict__ x,        // (batches, rows, columns)
    const float* __restrict__ moments,  // (ranks, batches, 3, parts, columns)
    const float* __restrict__ b,        // (columns) or null
    const float* __restrict__ gamma,    // (columns)
    const float* __restrict__ beta,     // (columns)
    int batches,
    int rows,
    int whole,
    int columns,
    int ranks,
    int parts,
    float eps,
    float momentum,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column, batch = blockIdx.z;
    if (!walk.inside) return;

    const unsigned long long one = 3ULL * parts * columns, rank = one * batches;
    // The first part of the first batch updates the running statistics with those of all.
    const bool first = threadIdx.y == 0 && blockIdx.y == 0 && batch == 0;
    for (int other = 0; first && other < batches; ++other) {
        const Parts of = {
            moments + other * one, rank, (unsigned)ranks, (unsigned)parts, column, (unsigned)columns};
        update_running(running_mean[column], running_var[column], b ? b + column : b,
                       joined_moments(of, whole), whole, momentum);
    }
    const Parts of = {
        moments + batch * one, rank, (unsigned)ranks, (unsigned)parts, column, (unsigned)columns};
    const unsigned long long all = index_of(batch, 0, rows) * columns;
    const unsigned long long own = index_of(batch, 0, columns);
    normalize(y + all, mean + own, inv_std + own, x + all, gamma, beta, walk,
              joined_moments(of, whole), whole, eps, activation, slope);
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

// The sums of a batch from those of its parts (Σ g·x̂, Σ g).
__device__ inline Sums joined_sums(const Parts& of)
{
    Sums all = {0.0f, 0.0f};
    for (unsigned part = 0; part < of.count(); ++part) {
        all.gamma += of.value(0, part);
        all.beta += of.value(1, part);
    }
    return all;
}

// Launch: parts, the same as those of `sums`. dx holds g on entry.
extern "C" __global__ void batch_norm_backward_parts(
    float* __restrict__ dx,             // (batches, rows, columns)
    float* __restrict__ dgamma,         // (columns) or null
    float* __restrict__ dbeta,          // (columns) or null
    const float* __restrict__ sums,     // (ranks, batches, 2, parts, columns)
    const float* __restrict__ x,        // (batches, rows, columns)
    const float* __restrict__ mean,     // (batches, columns)
    const float* __restrict__ inv_std,  // (batches, columns)
    const float* __restrict__ gamma,    // (columns)
    int batches,
    int rows,
    int whole,
    int columns,
    int ranks,
    int rank,
    int parts,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    const unsigned column = walk.column, batch = blockIdx.z;
    if (!walk.inside) return;

    const unsigned long long one = 2ULL * parts * columns, of_rank = one * batches;
    // The first part of the first batch adds up this rank's gradients of all.
    const bool first = threadIdx.y == 0 && blockIdx.y == 0 && batch == 0;
    for (int other = 0; first && other < batches; ++other) {
        const float* from = sums + rank * of_rank + other * one;
        const Parts of = {from, of_rank, 1, (unsigned)parts, column, (unsigned)columns};
        store_gradients(dgamma, dbeta, column, joined_sums(of), accumulate || other > 0);
    }
    const Parts of = {
        sums + batch * one, of_rank, (unsigned)ranks, (unsigned)parts, column, (unsigned)columns};
    const unsigned long long all = index_of(batch, 0, rows) * columns;
    const unsigned long long own = index_of(batch, column, columns);
    backward(dx + all, x + all, gamma, walk, joined_sums(of), mean[own], inv_std[own], whole);
}
