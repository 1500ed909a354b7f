// The backward pass of an activation and a dropout mask, in a walk of rows; the formula is in linear.cu.
// Included after common.cuh.

#pragma once

// What the forward pass saved for rows of dz: from row `summed` on, that of the row `before` rows earlier.
struct Saved {
    const float* y;
    const float* mask;
    unsigned summed, before;
};

// Loads the saved rows of a step, like load_rows.
__device__ inline void load_saved(
    float* values, const float* x, const Saved& saved, const Walk& walk, unsigned row)
{
    for (int k = 0; k < ROWS_AT_ONCE; ++k, row += blockDim.y) {
        const unsigned from = row < saved.summed ? row : row - saved.before;
        values[k] = row < walk.end ? x[index_of(from, walk.column, walk.columns)] : 0.0f;
    }
}

// dz ← activation′(y) ⊙ mask ⊙ dy on a thread's walk; returns its column sum over the summed rows of the
// block, weighted if there are weights, if there is an array `sums` for it, in shared memory. Each weight
// applies to `pixels` rows.
__device__ inline float activation_backward(
    float* sums,
    float* dz,
    const Saved& saved,
    const float* weights,
    unsigned pixels,
    const Walk& walk,
    unsigned activation,
    float slope)
{
    float sum = 0.0f;
    for (unsigned row = walk.begin; row < walk.end; row = next_row(row)) {
        float d[ROWS_AT_ONCE], out[ROWS_AT_ONCE], factor[ROWS_AT_ONCE];
        load_rows(d, dz, walk, row, 0.0f);
        load_saved(out, saved.y, saved, walk, row);
        if (saved.mask) load_saved(factor, saved.mask, saved, walk, row);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            if (saved.mask) d[k] *= factor[k];
            d[k] = activate_backward(activation, slope, out[k], d[k]);
            const unsigned at = row + k * blockDim.y;
            if (at >= saved.summed) continue;
            sum += weights && at < walk.end ? weights[at / pixels] * d[k] : d[k];
        }
        store_rows(dz, d, walk, row);
    }
    return sums ? column_sum(sums, sum) : 0.0f;
}
