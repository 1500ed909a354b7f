// Losses, value and gradient in one pass.
//
// Discriminator losses against a target t. A batch has a part with t = `target`, and may have a second
// one with t = 0.
//
//   cross entropy  loss = softplus(x) − t·x,  loss′ = σ(x) − t,   output σ(x)
//   squared error  loss = (x − t)²,           loss′ = 2·(x − t),  output x
//   hinge          loss = max(0, 1 ∓ x),      loss′ = ∓1 or 0,    output x, upper sign for t = 1
//   Wasserstein    loss = ∓x,                 loss′ = ∓1,         output x
//
// with softplus(x) = ln(1 + eˣ). Saturating cross entropy is that of a probability p = σ(x), clamped as
// in PyTorch.
//
//   loss = −t·max(ln p, −100) − (1 − t)·max(ln (1 − p), −100)
//   loss′ = (p − t)·min(1, p·(1 − p)/10⁻¹²),  output p
//
// The relativistic loss is that of a pair (x, other) of an element in one part and the same in the other;
// the second part has t = 1 − `target`. The loss is counted in the first part.
//
//   relativistic   loss = softplus(±(other − x)),  loss′ = ∓σ(±(other − x)),  output x
//
// dx = scale·loss′/whole. Row (step mod ring_rows) of the ring buffer gets scale·Σloss/whole at `column`
// and Σoutput/whole after it, then those of the second part: the share of these rows in the means over all
// `whole` rows of the batch, of which other ranks have the rest. x, dx (parts, rows), ring
// (ring_rows, ring_columns). dx and these elements are overwritten. Deterministic: one block per part,
// sums by a fixed tree.
//
// A second loss is that of the last part of x with t = `second_target`; for pairs, x's first part comes
// first. Only the last part's gradient is written, behind those of the first loss.
//
// Carrying copies row (step mod ring_rows) of the ring buffer to the next one.
//
// Losses of a classifier's logits against labels.
//
//   softmax cross entropy  losses[i] = ln Σ e^(x[i, c] − max) + max − x[i, label[i]],
//                          dx[i, c] = (softmax(x[i])[c] − [c = label[i]])/rows
//
// x, dx (rows, classes), losses, labels (rows); Σ and max over the classes c of row i. dx and losses
// are overwritten. Deterministic: one thread per row, sums in the order of classes.

#include "common.cuh"

enum Criterion {
    CROSS_ENTROPY = 0,
    SATURATING_CROSS_ENTROPY = 1,
    SQUARED_ERROR = 2,
    HINGE = 3,
    WASSERSTEIN = 4,
    RELATIVISTIC = 5,
};

struct Loss {
    float value, slope, output;
};

// ln(1 + eˣ), without overflow
__device__ inline float softplus(float x)
{
    return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}

__device__ inline Loss cross_entropy(float x, float target)
{
    const float probability = sigmoid(x);
    return {softplus(x) - target * x, probability - target, probability};
}

// Like PyTorch's BCELoss after a Sigmoid: logarithms are clamped at −100; the gradient of BCELoss is
// divided by max(p·(1 − p), 10⁻¹²), that of Sigmoid multiplied by p·(1 − p).
__device__ inline Loss saturating_cross_entropy(float x, float target)
{
    const float p = sigmoid(x);
    const float real = logf(p), fake = log1pf(-p);
    // By comparison: fmaxf would hide NaN.
    const float value = -target * (real < -100.0f ? -100.0f : real)
        - (1.0f - target) * (fake < -100.0f ? -100.0f : fake);
    const float attenuation = fminf(1.0f, p * (1.0f - p) / 1e-12f);
    return {value, (p - target) * attenuation, p};
}

__device__ inline Loss squared_error(float x, float target)
{
    const float distance = x - target;
    return {distance * distance, distance + distance, x};
}

// −x for t = 1, x for t = 0
__device__ inline float towards(float x, float target)
{
    return target == 1.0f ? -x : x;
}

__device__ inline Loss hinge(float x, float target)
{
    const float margin = 1.0f + towards(x, target);
    // Not `margin > 0`: NaN must stay NaN.
    if (margin <= 0.0f) return {0.0f, 0.0f, x};
    return {margin, towards(1.0f, target), x};
}

__device__ inline Loss relativistic(float x, float other, float target, bool counted)
{
    const float lag = towards(x - other, target);
    return {counted ? softplus(lag) : 0.0f, towards(sigmoid(lag), target), x};
}

__device__ inline Loss loss_of(
    unsigned criterion, unsigned part, float x, float other, float first_target)
{
    const float target = part == 0 ? first_target : 0.0f;
    switch (criterion) {
    case CROSS_ENTROPY: return cross_entropy(x, target);
    case SATURATING_CROSS_ENTROPY: return saturating_cross_entropy(x, target);
    case SQUARED_ERROR: return squared_error(x, target);
    case HINGE: return hinge(x, target);
    case WASSERSTEIN: return {towards(x, target), towards(1.0f, target), x};
    default: return relativistic(x, other, part == 0 ? target : 1.0f - first_target, part == 0);
    }
}

// Launch: a block of 2ⁿ threads for each part, of both losses.
extern "C" __global__ void loss_forward_backward(
    float* __restrict__ dx,             // (dx_parts, rows)
    float* __restrict__ ring,           // (ring_rows, ring_columns)
    const float* __restrict__ x,        // (x_parts, rows)
    const unsigned* __restrict__ step,  // (1)
    int dx_parts,
    int x_parts,
    int rows,
    int whole,
    int ring_rows,
    int ring_columns,
    int parts,
    int column,
    unsigned criterion,
    float target,
    float scale,
    int second_parts,
    int second_column,
    unsigned second_criterion,
    float second_target,
    float second_scale)
{
    const bool second = blockIdx.x >= (unsigned)parts;
    const unsigned part = second ? blockIdx.x - parts : blockIdx.x;
    if (second) {
        column = second_column;
        criterion = second_criterion;
        target = second_target;
        scale = second_scale;
    }
    // The parts of x that this one and its partner are, and the part of dx to write.
    const unsigned fakes = second ? x_parts - 1 : 1;
    const unsigned own = !second ? part : part + 1 < (unsigned)second_parts ? 0 : fakes;
    const unsigned partner = own == 0 ? fakes : 0;
    const unsigned to = second ? dx_parts - 1 : part;
    const bool writes = !second || own == fakes, pairs = (second ? second_parts : parts) == 2;
    const float factor = scale / whole;
    float loss = 0.0f, output = 0.0f;
    for (unsigned i = threadIdx.x; i < (unsigned)rows; i += blockDim.x) {
        const float other = pairs ? x[index_of(partner, i, rows)] : 0.0f;
        const Loss l = loss_of(criterion, part, x[index_of(own, i, rows)], other, target);
        if (writes) dx[index_of(to, i, rows)] = factor * l.slope;
        loss += l.value;
        output += l.output;
    }

    __shared__ float losses[MAX_THREADS], outputs[MAX_THREADS];
    losses[threadIdx.x] = loss;
    outputs[threadIdx.x] = output;
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            losses[threadIdx.x] += losses[threadIdx.x + half];
            outputs[threadIdx.x] += outputs[threadIdx.x + half];
        }
    }
    if (threadIdx.x > 0) return;

    float* entry = ring + (*step % ring_rows) * ring_columns + column + 2 * part;
    entry[0] = losses[0] * factor;
    entry[1] = outputs[0] / whole;
}

// Launch: elementwise.
extern "C" __global__ void ring_carry(
    float* __restrict__ ring,           // (ring_rows, ring_columns)
    const unsigned* __restrict__ step,  // (1)
    int ring_rows,
    int ring_columns)
{
    const float* now = ring + *step % ring_rows * ring_columns;
    float* next = ring + (*step + 1) % ring_rows * ring_columns;
    for (long long i = first_element(); i < ring_columns; i += element_stride()) next[i] = now[i];
}

// Launch: elementwise, where an element is a row.
extern "C" __global__ void softmax_cross_entropy_forward_backward(
    float* __restrict__ dx,               // (rows, classes)
    float* __restrict__ losses,           // (rows)
    const float* __restrict__ x,          // (rows, classes)
    const unsigned* __restrict__ labels,  // (rows)
    int rows,
    int classes)
{
    const float factor = 1.0f / rows;
    for (long long row = first_element(); row < rows; row += element_stride()) {
        const float* logits = x + index_of(row, 0, classes);
        float* gradient = dx + index_of(row, 0, classes);
        // Found by comparison: an invalid label reads no memory, and its loss is NaN.
        const int label = labels[row];
        float own = nanf(""), max = logits[0];
        for (int c = 0; c < classes; ++c) {
            if (c == label) own = logits[c];
            max = fmaxf(max, logits[c]);
        }
        float sum = 0.0f;
        for (int c = 0; c < classes; ++c) {
            gradient[c] = expf(logits[c] - max);
            sum += gradient[c];
        }
        for (int c = 0; c < classes; ++c) {
            const float target = c == label ? 1.0f : 0.0f;
            gradient[c] = factor * (gradient[c] / sum - target);
        }
        // The difference first: it is exact if large logits are close to each other.
        losses[row] = logf(sum) + (max - own);
    }
}
