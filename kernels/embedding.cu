// Learned label embeddings, concatenated to a batch.
//
//   concat    y[i, p] = (table[label[i]] ‖ x[i, :, p]), or in the reverse order
//   backward  dtable[c] = Σ over rows i with label[i] = c, and pixels p, of dy[i, p]
//   linear    dtable[c] = (Σ over rows i with label[i] = c of dz[i])·W, in the embedding's columns, from
//             the gradient dz of the product x·Wᵀ of a Linear layer; W (outputs, stride)
//
// y (rows, pixels, stride), of which inputs + width columns are used and the rest is set to 0, x (rows,
// inputs, pixels), table, dtable (classes, width), labels (rows), dy (rows, pixels, width): the gradient
// of the embedding's columns only. Features count as one pixel. y is overwritten; dtable too, or it is
// accumulated with `accumulate`. Deterministic: a sum has a fixed order, nothing is scattered.

#include "common.cuh"

// Launch: elementwise.
extern "C" __global__ void embedding_concat(
    float* __restrict__ y,                // (rows, pixels, stride)
    const float* __restrict__ x,          // (rows, inputs, pixels)
    const float* __restrict__ table,      // (classes, width)
    const unsigned* __restrict__ labels,  // (rows)
    int rows,
    int pixels,
    int inputs,
    int classes,
    int width,
    int stride,
    unsigned label_first)
{
    const int columns = inputs + width;
    const int label_column = label_first ? 0 : inputs;
    const int input_column = label_first ? width : 0;
    const long long count = (long long)rows * pixels * stride;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const unsigned pixel_index = i / stride, row = pixel_index / pixels;
        const int column = i % stride;
        const bool label = label_first ? column < width : column >= inputs;
        if (column >= columns) y[i] = 0.0f;
        else if (label) y[i] = table[index_of(labels[row], column - label_column, width)];
        else y[i] = x[index_of(row * inputs + column - input_column, pixel_index % pixels, pixels)];
    }
}

// Launch: columns, one for each element of the table, classes·width.
extern "C" __global__ void embedding_backward(
    float* __restrict__ dtable,           // (classes, width)
    const float* __restrict__ dy,         // (rows, pixels, width)
    const unsigned* __restrict__ labels,  // (rows)
    int rows,
    int pixels,
    int classes,
    int width,
    unsigned accumulate)
{
    const Walk element = walk_of_thread(rows, classes * width);
    const unsigned label = element.column / width, columns = pixels * width;
    float sum = 0.0f;
    for (unsigned column = element.column % width; column < columns; column += width) {
        const Walk walk = {column, columns, element.begin, element.end, element.inside};
        for (unsigned first = walk.begin; first < walk.end; first = next_row(first)) {
            float d[ROWS_AT_ONCE];
            load_rows(d, dy, walk, first, 0.0f);
            for (int k = 0; k < ROWS_AT_ONCE; ++k) {
                const unsigned row = first + k * blockDim.y;
                const unsigned found = row < walk.end ? labels[row] : classes;
                sum += found == label ? d[k] : 0.0f;
            }
        }
    }

    __shared__ float sums[MAX_THREADS];
    sum = column_sum(sums, sum);
    if (threadIdx.y == 0 && element.inside) store_gradient(dtable[element.column], sum, accumulate);
}

// Launch: blocks, one for each class or for several.
extern "C" __global__ void embedding_backward_linear(
    float* __restrict__ dtable,           // (classes, width)
    const float* __restrict__ dz,         // (rows, outputs)
    const float* __restrict__ w,          // (outputs, stride)
    const unsigned* __restrict__ labels,  // (rows)
    int rows,
    int outputs,
    int classes,
    int width,
    int stride,
    int first,  // the embedding's first column
    unsigned accumulate)
{
    __shared__ float sums[MAX_THREADS];
    for (unsigned label = blockIdx.x; label < (unsigned)classes; label += gridDim.x) {
        for (int begin = 0; begin < outputs; begin += blockDim.x) {
            // A thread sums one column of dz.
            const int output = begin + threadIdx.x;
            float sum = 0.0f;
            for (int row = 0; output < outputs && row < rows; ++row) {
                if (labels[row] == label) sum += dz[index_of(row, output, outputs)];
            }
            __syncthreads();
            sums[threadIdx.x] = sum;
            __syncthreads();
            const int count = min((int)blockDim.x, outputs - begin);
            for (int column = threadIdx.x; column < width; column += blockDim.x) {
                float product = 0.0f;
                for (int i = 0; i < count; ++i) {
                    product += sums[i] * w[index_of(begin + i, first + column, stride)];
                }
                float& gradient = dtable[index_of(label, column, width)];
                store_gradient(gradient, product, accumulate || begin > 0);
            }
        }
    }
}
