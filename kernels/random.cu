// Noise, labels and dropout masks by Philox 4x32-10 (Salmon et al. 2011), four elements per call.
//
// Key = seed, counter = (element/4, site, step, 0). From a word w, with u(w) = (w ≫ 8)/2²⁴:
//   normal   pairs of words (a, b): √(−2·ln(u(a) + 2⁻²⁴)) · (cos, sin)(2π·u(b))
//   uniform  2·u − 1 in [−1, 1)
//   unit     u in [0, 1)
//   label    w·classes ≫ 32
//   mask     `kept` where w ≥ least, else 0: least = p·2³², kept = 1/(1 − p)
//
// z, labels (parts, n), unit numbers (n) and masks (one after the other, of rows·columns elements each) are overwritten.
// Part i uses site + i, a mask the site in its table. Deterministic: an element is a function of seed,
// site and step. Launch: elementwise, four consecutive elements per thread.

#include "common.cuh"

enum Latent { NORMAL = 0, UNIFORM = 1 };

struct Words {
    unsigned of[4];
};

__device__ inline Words philox(
    unsigned block, unsigned site, unsigned step, unsigned seed_low, unsigned seed_high)
{
    unsigned a = block, b = site, c = step, d = 0;
    for (int round = 0; round < 10; ++round) {
        const unsigned long long first = 0xD2511F53ULL * a, second = 0xCD9E8D57ULL * c;
        a = (unsigned)(second >> 32) ^ b ^ seed_low;
        b = (unsigned)second;
        c = (unsigned)(first >> 32) ^ d ^ seed_high;
        d = (unsigned)first;
        seed_low += 0x9E3779B9u;
        seed_high += 0xBB67AE85u;
    }
    return {{a, b, c, d}};
}

// Philox calls for n elements.
__device__ inline long long blocks_of(long long n)
{
    return (n + 3) / 4;
}

// A word as a number in [0, 1) with 24 random bits.
__device__ inline float unit(unsigned word)
{
    return (word >> 8) * (1.0f / 16777216.0f);
}

// The Box–Muller transform: from two words, two independent normal numbers.
__device__ inline void normal_pair(float* pair, unsigned a, unsigned b)
{
    // In (0, 1], so that the logarithm is finite.
    const float u = unit(a) + 1.0f / 16777216.0f;
    const float radius = sqrtf(-2.0f * logf(u));
    float sine, cosine;
    sincospif(2.0f * unit(b), &sine, &cosine);
    pair[0] = radius * cosine;
    pair[1] = radius * sine;
}

extern "C" __global__ void noise_sample(
    float* __restrict__ z,              // (parts, n)
    const unsigned* __restrict__ step,  // (1)
    int parts,
    int n,
    unsigned latent,
    unsigned site,
    unsigned seed_low,
    unsigned seed_high)
{
    const long long blocks = blocks_of(n);
    for (long long i = first_element(); i < parts * blocks; i += element_stride()) {
        const long long part = i / blocks, block = i % blocks;
        const Words words = philox(block, site + part, *step, seed_low, seed_high);
        float values[4];
        if (latent == NORMAL) {
            normal_pair(values, words.of[0], words.of[1]);
            normal_pair(values + 2, words.of[2], words.of[3]);
        } else {
            for (int k = 0; k < 4; ++k) values[k] = 2.0f * unit(words.of[k]) - 1.0f;
        }
        for (int k = 0; k < 4; ++k) {
            if (4 * block + k < n) z[part * n + 4 * block + k] = values[k];
        }
    }
}

extern "C" __global__ void uniform_sample(
    float* __restrict__ u,              // (n)
    const unsigned* __restrict__ step,  // (1)
    int n,
    unsigned site,
    unsigned seed_low,
    unsigned seed_high)
{
    for (long long block = first_element(); block < blocks_of(n); block += element_stride()) {
        const Words words = philox(block, site, *step, seed_low, seed_high);
        for (int k = 0; k < 4; ++k) {
            if (4 * block + k < n) u[4 * block + k] = unit(words.of[k]);
        }
    }
}

extern "C" __global__ void labels_sample(
    unsigned* __restrict__ labels,      // (parts, n)
    const unsigned* __restrict__ step,  // (1)
    int parts,
    int n,
    unsigned classes,
    unsigned site,
    unsigned seed_low,
    unsigned seed_high)
{
    const long long blocks = blocks_of(n);
    for (long long i = first_element(); i < parts * blocks; i += element_stride()) {
        const long long part = i / blocks, block = i % blocks;
        const Words words = philox(block, site + part, *step, seed_low, seed_high);
        for (int k = 0; k < 4; ++k) {
            const unsigned label = (unsigned long long)words.of[k] * classes >> 32;
            if (4 * block + k < n) labels[part * n + 4 * block + k] = label;
        }
    }
}

// A thread continues from one mask into the next: `block` counts from the start of `mask`.
extern "C" __global__ void masks_sample(
    float* __restrict__ masks,           // (any): rows·columns of each mask
    const unsigned* __restrict__ table,  // (count, 2): site, columns
    const unsigned* __restrict__ step,   // (1)
    int count,
    int rows,
    unsigned least,
    float kept,
    unsigned seed_low,
    unsigned seed_high)
{
    float* mask = masks;
    long long block = first_element();
    for (int i = 0; i < count; ++i) {
        const unsigned site = table[2 * i];
        const long long n = (long long)rows * table[2 * i + 1];
        for (; block < blocks_of(n); block += element_stride()) {
            const Words words = philox(block, site, *step, seed_low, seed_high);
            for (int k = 0; k < 4; ++k) {
                if (4 * block + k < n) mask[4 * block + k] = words.of[k] >= least ? kept : 0.0f;
            }
        }
        block -= blocks_of(n);
        mask += n;
    }
}
