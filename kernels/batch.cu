// Batches from the resident data set.
//
//   x[i] = images[order[start + i]] scaled to [−1, 1]: (u/255 − 0.5)/0.5
//   labels[i] = all[order[start + i]],  start = (step mod iterations_per_epoch)·batch_size
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

extern "C" __global__ void images_gather(
    float* __restrict__ x,                     // (rows, pixels)
    const unsigned char* __restrict__ images,  // (count, pixels)
    const unsigned* __restrict__ order,        // (count)
    const unsigned* __restrict__ step,         // (1)
    int rows,
    int pixels,
    int batch_size,
    int iterations_per_epoch)
{
    const long long count = (long long)rows * pixels;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const unsigned image =
            image_of_row(order, *step, i / pixels, batch_size, iterations_per_epoch);
        const float u = images[index_of(image, i % pixels, pixels)];
        x[i] = (u / 255.0f - 0.5f) / 0.5f;
    }
}

extern "C" __global__ void labels_gather(
    unsigned* __restrict__ labels,       // (rows)
    const unsigned* __restrict__ all,    // (count)
    const unsigned* __restrict__ order,  // (count)
    const unsigned* __restrict__ step,   // (1)
    int rows,
    int batch_size,
    int iterations_per_epoch)
{
    for (long long i = first_element(); i < rows; i += element_stride()) {
        labels[i] = all[image_of_row(order, *step, i, batch_size, iterations_per_epoch)];
    }
}
