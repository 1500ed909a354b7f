// Bias, dropout mask and activation of a fully connected layer, y = activation(mask ⊙ (x·Wᵀ + b)).
//
//   forward   y ← activation(mask ⊙ (y + b))                      y holds x·Wᵀ on entry; its last
//             `again` rows are computed from the rows before them, with their own mask
//   unfused   y = activation(mask ⊙ x)
//   backward  dz ← activation′(y) ⊙ mask ⊙ dz,  db = Σ rows of dz  dz holds dy on entry
//
// A layer with one output, y = activation(mask ⊙ (x·wᵀ + b)), without a matrix multiplication; and its
// backward pass together with that of the dropout and activation that x is the output of.
//
//   single output  y as above; y, mask (rows), b (1), w (columns)
//   forward        y ← activation(mask ⊙ (y + b)) as above, and output = y·wᵀ + output_b
//   backward       dx = activation′(x) ⊙ mask ⊙ (dz·w),  dw = Σ dz·x,  db = Σ dz,  dbx = Σ dx over rows
//
// With weights (samples), db = Σ rows of weight·dz, where each weight applies to rows/samples rows. db is
// a sum over the first `summed` rows of dz. y and mask of the backward pass have `saved` rows: as many as
// dz, or only `summed`, of which the last ones then belong to the remaining rows of dz, too.
//
// y, x, dz, mask (rows, columns), b, db (columns). y and dz are updated in place; db is overwritten, or
// accumulated with `accumulate`.
// Deterministic: db is summed in a fixed order.

#include "common.cuh"
#include "linear.cuh"

// Launch: elementwise.
extern "C" __global__ void bias_activation_forward(
    float* __restrict__ y,           // (rows, columns)
    const float* __restrict__ b,     // (columns) or null
    const float* __restrict__ mask,  // (rows, columns) or null
    int rows,
    int columns,
    int again,
    unsigned activation,
    float slope)
{
    const long long extra = (long long)again * columns, count = (long long)rows * columns - extra;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const float z = b ? y[i] + b[i % columns] : y[i];
        y[i] = activate(activation, slope, mask ? z * mask[i] : z);
        const long long j = i + extra;
        if (j >= count) y[j] = activate(activation, slope, mask ? z * mask[j] : z);
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

// Launch: columns, or parts without db.
extern "C" __global__ void bias_activation_backward(
    float* __restrict__ dz,             // (rows, columns)
    float* __restrict__ db,             // (columns) or null
    const float* __restrict__ y,        // (saved, columns)
    const float* __restrict__ mask,     // (saved, columns) or null
    const float* __restrict__ weights,  // (samples) or null
    int rows,
    int saved,
    int summed,
    int columns,
    int samples,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    __shared__ float sums[MAX_THREADS];
    const Saved before = {y, mask, (unsigned)summed, (unsigned)(rows - saved)};
    const float sum = activation_backward(
        db ? sums : nullptr, dz, before, weights, rows / max(samples, 1), walk, activation, slope);
    if (db && threadIdx.y == 0 && walk.inside) store_gradient(db[walk.column], sum, accumulate);
}

// Launch: parts. Computes each part's contribution to db.
extern "C" __global__ void bias_activation_backward_parts(
    float* __restrict__ dz,             // (rows, columns)
    float* __restrict__ dbs,            // (parts, columns)
    const float* __restrict__ y,        // (saved, columns)
    const float* __restrict__ mask,     // (saved, columns) or null
    const float* __restrict__ weights,  // (samples) or null
    int rows,
    int saved,
    int summed,
    int columns,
    int samples,
    int parts,
    unsigned activation,
    float slope)
{
    const Walk walk = walk_of_thread(rows, columns);
    __shared__ float sums[MAX_THREADS];
    const Saved before = {y, mask, (unsigned)summed, (unsigned)(rows - saved)};
    const float sum = activation_backward(
        sums, dz, before, weights, rows / max(samples, 1), walk, activation, slope);
    if (threadIdx.y == 0 && walk.inside) dbs[index_of(blockIdx.y, walk.column, columns)] = sum;
}

// Launch: elementwise.
extern "C" __global__ void column_totals(
    float* __restrict__ totals,      // (columns)
    const float* __restrict__ sums,  // (parts, columns)
    int parts,
    int columns,
    unsigned accumulate)
{
    for (long long column = first_element(); column < columns; column += element_stride()) {
        float total = 0.0f;
        for (int part = 0; part < parts; ++part) total += sums[index_of(part, column, columns)];
        store_gradient(totals[column], total, accumulate);
    }
}

// Launch: blocks, one for each row or for several.
extern "C" __global__ void single_output_forward(
    float* __restrict__ y,           // (rows)
    const float* __restrict__ x,     // (rows, columns)
    const float* __restrict__ w,     // (columns)
    const float* __restrict__ b,     // (1) or null
    const float* __restrict__ mask,  // (rows) or null
    int rows,
    int columns,
    unsigned activation,
    float slope)
{
    __shared__ float sums[MAX_THREADS];
    for (unsigned row = blockIdx.x; row < (unsigned)rows; row += gridDim.x) {
        float sum = 0.0f;
        for (unsigned column = threadIdx.x; column < (unsigned)columns; column += blockDim.x) {
            sum += x[index_of(row, column, columns)] * w[column];
        }
        sum = block_sum(sums, sum);
        if (threadIdx.x > 0) continue;
        if (b) sum += *b;
        if (mask) sum *= mask[row];
        y[row] = activate(activation, slope, sum);
    }
}

// Launch: blocks, one for each row or for several. A row that is there once more is in the same block.
extern "C" __global__ void bias_activation_single_output(
    float* __restrict__ y,               // (rows, columns)
    float* __restrict__ output,          // (rows)
    const float* __restrict__ b,         // (columns) or null
    const float* __restrict__ mask,      // (rows, columns) or null
    const float* __restrict__ w,         // (columns)
    const float* __restrict__ output_b,  // (1)
    int rows,
    int columns,
    int again,
    unsigned activation,
    float slope)
{
    __shared__ float sums[MAX_THREADS];
    const unsigned once = rows - again;
    for (unsigned first = blockIdx.x; first < once; first += gridDim.x) {
        // From the last row on: that of the product is overwritten last.
        const bool twice = again > 0 && first + again >= once;
        for (int time = twice; time >= 0; --time) {
            const unsigned row = first + time * again;
            float sum = 0.0f;
            for (unsigned column = threadIdx.x; column < (unsigned)columns; column += blockDim.x) {
                const float product = y[index_of(first, column, columns)];
                float z = b ? product + b[column] : product;
                const unsigned long long at = index_of(row, column, columns);
                if (mask) z *= mask[at];
                y[at] = activate(activation, slope, z);
                sum += y[at] * w[column];
            }
            sum = block_sum(sums, sum);
            if (threadIdx.x == 0) output[row] = sum + *output_b;
        }
    }
}

// Launch: columns.
extern "C" __global__ void single_output_backward(
    float* __restrict__ dx,          // (rows, columns)
    float* __restrict__ dbx,         // (columns) or null
    float* __restrict__ dw,          // (columns) or null
    float* __restrict__ db,          // (1) or null
    const float* __restrict__ dz,    // (rows)
    const float* __restrict__ w,     // (columns)
    const float* __restrict__ x,     // (saved, columns)
    const float* __restrict__ mask,  // (saved, columns) or null
    int rows,
    int saved,
    int summed,
    int columns,
    unsigned activation,
    float slope,
    unsigned accumulate)
{
    const Walk walk = walk_of_thread(rows, columns);
    const Saved before = {x, mask, (unsigned)summed, (unsigned)(rows - saved)};
    const float weight = walk.inside ? w[walk.column] : 0.0f;
    float dbx_sum = 0.0f, dw_sum = 0.0f, db_sum = 0.0f;
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        float d[ROWS_AT_ONCE], in[ROWS_AT_ONCE], factor[ROWS_AT_ONCE];
        load_saved(in, x, before, walk, row);
        if (mask) load_saved(factor, mask, before, walk, row);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            const unsigned at = row + k * blockDim.y;
            const float z = at < walk.end ? dz[at] : 0.0f;
            d[k] = mask ? z * weight * factor[k] : z * weight;
            d[k] = activate_backward(activation, slope, in[k], d[k]);
            if (at >= before.summed) continue;
            dbx_sum += d[k];
            dw_sum += z * in[k];
            db_sum += z;
        }
        store_rows(dx, d, walk, row);
    }
    if (!dw) return;

    __shared__ float dbx_sums[MAX_THREADS], dw_sums[MAX_THREADS], db_sums[MAX_THREADS];
    dbx_sum = column_sum(dbx_sums, dbx_sum);
    dw_sum = column_sum(dw_sums, dw_sum);
    db_sum = column_sum(db_sums, db_sum);
    if (threadIdx.y != 0 || !walk.inside) return;
    store_gradient(dw[walk.column], dw_sum, accumulate);
    if (dbx) store_gradient(dbx[walk.column], dbx_sum, accumulate);
    if (walk.column == 0) store_gradient(*db, db_sum, accumulate);
}
