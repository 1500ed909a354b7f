// Gathering batches from the data set in device memory.
//
//   x[i] = images[order[start + i]] scaled to [−1, 1]: (u/255 − 0.5)/0.5
//   labels[i] = all[order[start + i]], with labels
//   start = (step mod iterations_per_epoch)·batch_size
//   repeated: the last of several blocks of labels becomes a copy of the first
//
// x (rows, pixels), images (count, pixels) bytes, order, all (count), labels (rows). Outputs are
// overwritten. Deterministic: nothing is summed. Launch: elementwise.

#include "common.cuh"

// The image in row `row` of this iteration's batch.
__device__ inline unsigned image_of_row(
    const unsigned* order, unsigned step, long long row, int batch_size, int iterations_per_epoch)
{
    const long long start = (long long)(step % iterations_per_epoch) * batch_size;
    return order[start + row];
}

extern "C" __global__ void batch_gather(
    float* __restrict__ x,                     // (rows, pixels)
    unsigned* __restrict__ labels,             // (rows) or null
    const unsigned char* __restrict__ images,  // (count, pixels)
    const unsigned* __restrict__ all,          // (count) or null
    const unsigned* __restrict__ order,        // (count)
    const unsigned* __restrict__ step,         // (1)
    int count,
    int rows,
    int pixels,
    int batch_size,
    int iterations_per_epoch)
{
    const long long n = (long long)rows * pixels;
    for (long long i = first_element(); i < n; i += element_stride()) {
        const long long row = i / pixels, pixel = i % pixels;
        const unsigned image = image_of_row(order, *step, row, batch_size, iterations_per_epoch);
        const float u = images[index_of(image, pixel, pixels)];
        x[i] = (u / 255.0f - 0.5f) / 0.5f;
        if (labels && pixel == 0) labels[row] = all[image];
    }
}

extern "C" __global__ void labels_repeat(
    unsigned* __restrict__ labels,  // (blocks, rows)
    int blocks,
    int rows)
{
    unsigned* last = labels + index_of(blocks - 1, 0, rows);
    for (long long i = first_element(); i < rows; i += element_stride()) last[i] = labels[i];
}
