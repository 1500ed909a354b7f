// Losses of discriminator outputs against a target t, value and gradient in one pass.
//
//   cross entropy  score = max(x, 0) − t·x + ln(1 + e^−|x|),  score′ = σ(x) − t,  output σ(x)
//   squared error  score = (x − t)²,                          score′ = 2·(x − t),  output x
//
// dx = scale·score′/rows. Row (step mod ring_rows) of the ring gets scale·mean(score) at `place`
// and mean(output) behind it. x, dx (rows), ring (ring_rows, ring_columns). dx and these two
// numbers are overwritten. Deterministic: one block, sums as a fixed tree.

#include "common.cuh"

enum Score { CROSS_ENTROPY = 0, SQUARED_ERROR = 1 };

struct Scored {
    float value, slope, output;
};

__device__ inline Scored cross_entropy(float x, float target)
{
    const float probability = sigmoid(x);
    const float value = fmaxf(x, 0.0f) - target * x + log1pf(expf(-fabsf(x)));
    return {value, probability - target, probability};
}

__device__ inline Scored squared_error(float x, float target)
{
    const float distance = x - target;
    return {distance * distance, distance + distance, x};
}

// Launch: one block of 2ⁿ threads.
extern "C" __global__ void loss_forward_backward(
    float* __restrict__ dx,             // (rows)
    float* __restrict__ ring,           // (ring_rows, ring_columns)
    const float* __restrict__ x,        // (rows)
    const unsigned* __restrict__ step,  // (1)
    int rows,
    int ring_rows,
    int ring_columns,
    int place,
    unsigned score,
    float target,
    float scale)
{
    const float share = scale / rows;
    float loss = 0.0f, output = 0.0f;
    for (unsigned i = threadIdx.x; i < (unsigned)rows; i += blockDim.x) {
        const Scored s = score == CROSS_ENTROPY ? cross_entropy(x[i], target)
                                                : squared_error(x[i], target);
        dx[i] = share * s.slope;
        loss += s.value;
        output += s.output;
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

    float* noted = ring + (*step % ring_rows) * ring_columns + place;
    noted[0] = losses[0] * share;
    noted[1] = outputs[0] / rows;
}
