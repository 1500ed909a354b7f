// Adam over a flat buffer, with its step count and the iteration counter; and the average of weights.
//
//   m ← b1·m + (1 − b1)·g,  v ← b2·v + (1 − b2)·g²,
//   p ← p − lr·f/(1 − b1ᵗ)·m / (√v/√(1 − b2ᵗ) + eps),
//   step[0] ← t = step[0] + 1
//
// with f = 1, 1 − s (linear decay) or ½(1 + cos πs) (cosine decay), and s = done + (t − 1)·rate within
// 0 and 1.
// p, m, v, g (n). p, m, v and step[0] are updated in place; step[1] is 0 between launches. `iteration`, if
// there is one, is incremented.
//
//   average ← d·average + (1 − d)·p,  d = min(decay, t/(t + warmup)),  t = step[0]
//
// average, p (n). Deterministic: elements are independent.

#include "common.cuh"

enum Decay { NONE = 0, LINEAR = 1, COSINE = 2 };

// The factor of the learning rate after a fraction s of the decay.
__device__ inline float decay_factor(unsigned decay, float s)
{
    s = fminf(fmaxf(s, 0.0f), 1.0f);
    if (decay == LINEAR) return 1.0f - s;
    if (decay == COSINE) return 0.5f * (1.0f + cosf(3.14159265f * s));
    return 1.0f;
}

struct Adam {
    float step_size;  // lr/(1 − b1ᵗ)
    float unbias;     // 1/√(1 − b2ᵗ)
    float b1, new1, b2, new2, eps;
};

__device__ inline void adam_element(float& p, float& m, float& v, float g, const Adam& adam)
{
    m = adam.b1 * m + adam.new1 * g;
    v = adam.b2 * v + adam.new2 * (g * g);
    p -= adam.step_size * m / (sqrtf(v) * adam.unbias + adam.eps);
}

// Increments a counter after every thread of the grid has read it: the last block to arrive does so.
// The ticket, `count[1]`, is 0 again afterwards, since atomicInc wraps around. `other`, which no thread
// reads, may be null.
__device__ inline void advance_when_all_have_read(unsigned* count, unsigned* other)
{
    __syncthreads();
    if (threadIdx.x > 0) return;
    __threadfence();
    const unsigned last = gridDim.x - 1;
    if (atomicInc(count + 1, last) != last) return;
    count[0] += 1;
    if (other) *other += 1;
}

__device__ inline bool aligned16(const float* p)
{
    return (unsigned long long)p % 16 == 0;
}

// Launch: elementwise. Bound by memory bandwidth: four elements per access if the buffers are aligned.
// new1 = 1 − b1 and new2 = 1 − b2 are rounded from double; 1 − bᵗ = −expm1(t·ln b) is accurate for b
// near 1, unlike the power in single precision.
extern "C" __global__ void adam_update(
    float* __restrict__ p,             // (n)
    float* __restrict__ m,             // (n)
    float* __restrict__ v,             // (n)
    unsigned* __restrict__ step,       // (2)
    unsigned* __restrict__ iteration,  // (1) or null
    const float* __restrict__ g,       // (n)
    int n,
    float lr,
    float b1,
    float new1,
    float log_b1,
    float b2,
    float new2,
    float log_b2,
    float eps,
    unsigned decay,
    float done,
    float rate)
{
    const float t = (float)step[0] + 1.0f;
    const float factor = decay_factor(decay, done + rate * (float)step[0]);
    const float step_size = lr * factor / -expm1f(t * log_b1);
    const float unbias = 1.0f / sqrtf(-expm1f(t * log_b2));
    const Adam adam = {step_size, unbias, b1, new1, b2, new2, eps};

    const bool aligned = aligned16(p) && aligned16(m) && aligned16(v) && aligned16(g);
    const int fours = aligned ? n / 4 : 0;
    float4* const p4 = (float4*)p;
    float4* const m4 = (float4*)m;
    float4* const v4 = (float4*)v;
    const float4* const g4 = (const float4*)g;
    for (long long i = first_element(); i < fours; i += element_stride()) {
        float4 pi = p4[i], mi = m4[i], vi = v4[i];
        const float4 gi = g4[i];
        adam_element(pi.x, mi.x, vi.x, gi.x, adam);
        adam_element(pi.y, mi.y, vi.y, gi.y, adam);
        adam_element(pi.z, mi.z, vi.z, gi.z, adam);
        adam_element(pi.w, mi.w, vi.w, gi.w, adam);
        p4[i] = pi;
        m4[i] = mi;
        v4[i] = vi;
    }
    for (long long i = 4LL * fours + first_element(); i < n; i += element_stride()) {
        adam_element(p[i], m[i], v[i], g[i], adam);
    }
    advance_when_all_have_read(step, iteration);
}

// Launch: elementwise.
extern "C" __global__ void average_update(
    float* __restrict__ average,        // (n)
    const float* __restrict__ p,        // (n)
    const unsigned* __restrict__ step,  // (1)
    int n,
    float decay,
    float new_weight,  // 1 − decay, rounded from double
    unsigned warmup)
{
    const float t = (float)step[0], warm = t / (t + (float)warmup);
    const bool warming = warm < decay;
    const float old = warming ? warm : decay;
    const float fresh = warming ? (float)warmup / (t + (float)warmup) : new_weight;
    for (long long i = first_element(); i < n; i += element_stride()) {
        average[i] = old * average[i] + fresh * p[i];
    }
}
