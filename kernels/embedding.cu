// Class labels as learnt vectors beside a batch.
//
//   concat    y[i] = (table[label[i]] ‖ x[i]), or the two the other way round
//   backward  dtable[c] = Σ over rows i with label[i] = c of dy[i]
//
// y (rows, stride), of which inputs + width columns are used and the rest is set to 0, x (rows,
// inputs), table, dtable (classes, width), labels (rows), dy (rows, width): the gradient of the
// embedding's columns alone. y is overwritten; dtable too, or with `accumulate` added to.
// Deterministic: a sum has a fixed order, there is no scattering.

#include "common.cuh"

// Launch: elementwise.
extern "C" __global__ void embedding_concat(
    float* __restrict__ y,                // (rows, stride)
    const float* __restrict__ x,          // (rows, inputs)
    const float* __restrict__ table,      // (classes, width)
    const unsigned* __restrict__ labels,  // (rows)
    int rows,
    int inputs,
    int classes,
    int width,
    int stride,
    unsigned label_first)
{
    const int columns = inputs + width;
    const int label_column = label_first ? 0 : inputs;
    const int input_column = label_first ? width : 0;
    const long long count = (long long)rows * stride;
    for (long long i = first_element(); i < count; i += element_stride()) {
        const int row = i / stride, column = i % stride;
        const bool label = label_first ? column < width : column >= inputs;
        if (column >= columns) y[i] = 0.0f;
        else if (label) y[i] = table[index_of(labels[row], column - label_column, width)];
        else y[i] = x[index_of(row, column - input_column, inputs)];
    }
}

// Launch: columns, one for each number of the table, classes·width.
extern "C" __global__ void embedding_backward(
    float* __restrict__ dtable,           // (classes, width)
    const float* __restrict__ dy,         // (rows, width)
    const unsigned* __restrict__ labels,  // (rows)
    int rows,
    int classes,
    int width,
    unsigned accumulate)
{
    const Walk element = walk_of_thread(rows, classes * width);
    const unsigned label = element.column / width;
    const Walk walk = {element.column % width, (unsigned)width, element.end, element.inside};
    float sum = 0.0f;
    for (unsigned first = threadIdx.y; first < walk.end; first = next_row(first)) {
        float d[ROWS_AT_ONCE];
        load_rows(d, dy, walk, first, 0.0f);
        for (int k = 0; k < ROWS_AT_ONCE; ++k) {
            const unsigned row = first + k * blockDim.y;
            const unsigned found = row < walk.end ? labels[row] : classes;
            sum += found == label ? d[k] : 0.0f;
        }
    }

    __shared__ float sums[MAX_THREADS];
    sum = column_sum(sums, sum);
    if (threadIdx.y == 0 && walk.inside) store_gradient(dtable[element.column], sum, accumulate);
}
