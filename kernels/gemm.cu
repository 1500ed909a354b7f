// Matrix multiplications of fully connected layers with few rows, each together with what follows it:
//
//   bias activation forward    y = activation(mask ⊙ (x·Wᵀ + b))
//   columns                    dx = dz·W, of all columns or some
//   bias activation backward   dx = dz·W, then dx ← activation′(x) ⊙ mask ⊙ dx,  dbx = Σ rows of dx
//   batch norm forward         x = input·wᵀ, then y as in batch_norm.cu
//   batch norm backward        dx = dz·w, then as there, with dx as dy
//
// In the forward pass, the last all − rows rows of y are for the last rows of x once more, with masks of
// their own. Saved rows of the backward pass, and accumulation, as in linear.cu. Outputs are overwritten
// but for those of batch_norm.cu that are not. Deterministic: sums have a fixed order.

#include "common.cuh"
#include "gemm.cuh"
#include "linear.cuh"
#include "batch_norm.cuh"

// Launch: gemm, where the blocks in y of the grid divide the rows.
extern "C" __global__ void gemm_bias_activation_forward(
    float* __restrict__ y,           // (all, outputs)
    const float* __restrict__ x,     // (rows, inputs)
    const float* __restrict__ w,     // (outputs, inputs)
    const float* __restrict__ b,     // (outputs) or null
    const float* __restrict__ mask,  // (all, outputs) or null
    int rows,
    int all,
    int inputs,
    int outputs,
    unsigned activation,
    float slope)
{
    wait_for_the_kernel_before(x, w, b, mask);
    __shared__ GemmMemory memory;
    const Operands operands = with_transposed(x, w, rows, outputs, inputs);
    const unsigned column = blockIdx.x * COLUMNS + threadIdx.x;
    const unsigned long long again = (unsigned long long)(all - rows) * outputs;
    for (unsigned first = blockIdx.y * ROWS; first < (unsigned)rows; first += gridDim.y * ROWS) {
        multiply_rows(memory, operands, first);
        for (unsigned row = threadIdx.y; row < ROWS; row += LANES) {
            if (first + row >= (unsigned)rows || column >= (unsigned)outputs) continue;
            const float product = element_at(memory, row), z = b ? product + b[column] : product;
            const unsigned long long i = index_of(first + row, column, outputs), j = i + again;
            y[i] = activate(activation, slope, mask ? z * mask[i] : z);
            if (j < index_of(rows, 0, outputs)) continue;
            y[j] = activate(activation, slope, mask ? z * mask[j] : z);
        }
    }
}

// Launch: gemm, where the blocks in y of the grid divide the rows.
extern "C" __global__ void gemm_columns(
    float* __restrict__ dx,        // (rows, columns)
    const float* __restrict__ dz,  // (rows, outputs)
    const float* __restrict__ w,   // (outputs, inputs)
    int rows,
    int columns,
    int outputs,
    int inputs,
    int first)
{
    wait_for_the_kernel_before(dz, w);
    __shared__ GemmMemory memory;
    multiply_columns(memory, dx, with_columns(dz, w + first, rows, columns, outputs, inputs));
}

// Launch: gemm.
extern "C" __global__ void gemm_bias_activation_backward(
    float* __restrict__ dx,          // (rows, inputs)
    float* __restrict__ dbx,         // (inputs) or null
    const float* __restrict__ dz,    // (rows, outputs)
    const float* __restrict__ w,     // (outputs, inputs)
    const float* __restrict__ x,     // (saved, inputs)
    const float* __restrict__ mask,  // (saved, inputs) or null
    int rows,
    int saved,
    int summed,
    int inputs,
    int outputs,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    wait_for_the_kernel_before(dbx, dz, w, x, mask);
    __shared__ GemmMemory memory;
    __shared__ float sums[GEMM_THREADS];
    multiply_columns(memory, dx, with_columns(dz, w, rows, inputs, outputs, inputs));
    const Walk walk = walk_of_thread(rows, inputs);
    const Saved before = {x, mask, (unsigned)summed, (unsigned)(rows - saved)};
    const float sum = activation_backward(
        dbx ? sums : nullptr, dx, before, nullptr, 1, walk, activation, slope);
    if (dbx && threadIdx.y == 0 && walk.inside) store_gradient(dbx[walk.column], sum, accumulate);
}

// Launch: gemm. At least two rows.
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

// Launch: gemm.
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
