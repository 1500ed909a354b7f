// Noise, labels and dropout masks by Philox 4x32-10 (Salmon et al. 2011), four elements per call.
//
// Key = seed, counter = (element/4, site, step, 0). From a word w, with u(w) = (w ≫ 8)/2²⁴:
//   normal   pairs of words (a, b): √(−2·ln(u(a) + 2⁻²⁴)) · (cos, sin)(2π·u(b))
//   uniform  2·u − 1 in [−1, 1)
//   unit     u in [0, 1)
//   label    w·classes ≫ 32
//   mask     `kept` where w ≥ least, else 0: least = p·2³², kept = 1/(1 − p)
//
// z (parts, n) and masks (one after the other, of rows·columns elements each) are overwritten. Part i uses
// site + i, a mask the site in its table. Deterministic: an element is a function of seed, site and step.
// Launch: elementwise, four consecutive elements per thread.
//
// All inputs of an iteration are prepared together. The batch is gathered from the data set,
//
//   x[i] = images[order[start + first + i]] scaled to [−1, 1]: (u/255 − 0.5)/0.5
//   start = (step mod iterations_per_epoch)·batch_size
//
// x (rows, pixels), images (count, pixels) bytes, labels, order (count). Each draw fills columns·n elements
// from start + before·n on, with n = rows/pack: of `floats`, or of `integers` for labels. They are (batches,
// n, columns/batches), the rows from first/pack on of (batches, whole/pack, columns/batches).

#include "common.cuh"

enum Latent { NORMAL = 0, UNIFORM = 1 };

// What a draw is; integers from CLASSES on.
enum Drawn {
    NORMAL_NOISE = 0,
    UNIFORM_NOISE = 1,
    UNIT = 2,
    MASK = 3,
    CLASSES = 4,
    IMAGE_LABELS = 5,
};

// The words of a draw.
enum {
    KIND = 0,
    SITE = 1,
    START = 2,
    BEFORE = 3,
    COLUMNS = 4,
    BATCHES = 5,
    PACK = 6,
    FIRST = 7,
    SECOND = 8,
    WORDS = 9,
};

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

// The image in row `row` of this iteration's batch.
__device__ inline unsigned image_of_row(
    const unsigned* order, unsigned step, long long row, int batch_size, int iterations_per_epoch)
{
    const long long start = (long long)(step % iterations_per_epoch) * batch_size;
    return order[start + row];
}

// The four numbers of a draw of floats.
__device__ inline void draw_floats(float* values, const unsigned* draw, Words words)
{
    if (draw[KIND] == NORMAL_NOISE) {
        normal_pair(values, words.of[0], words.of[1]);
        normal_pair(values + 2, words.of[2], words.of[3]);
        return;
    }
    const float kept = __uint_as_float(draw[SECOND]);
    for (int k = 0; k < 4; ++k) {
        const unsigned word = words.of[k];
        values[k] = draw[KIND] == MASK    ? (word >= draw[FIRST] ? kept : 0.0f)
            : draw[KIND] == UNIFORM_NOISE ? 2.0f * unit(word) - 1.0f
                                          : unit(word);
    }
}

// A thread continues from one batch of a draw into the next: `block` counts from the first block that has
// elements of it.
extern "C" __global__ void batch_prepare(
    float* __restrict__ x,                     // (rows, pixels)
    float* __restrict__ floats,                // (any): as the draws say
    unsigned* __restrict__ integers,           // (any): as the draws say
    const unsigned char* __restrict__ images,  // (count, pixels)
    const unsigned* __restrict__ labels,       // (count)
    const unsigned* __restrict__ order,        // (count)
    const unsigned* __restrict__ draws,        // (draw_count, 9)
    const unsigned* __restrict__ step,         // (1)
    int count,
    int rows,
    int first_row,
    int whole,
    int pixels,
    int batch_size,
    int iterations_per_epoch,
    int draw_count,
    unsigned seed_low,
    unsigned seed_high)
{
    const long long n = (long long)rows * pixels;
    for (long long i = first_element(); i < n; i += element_stride()) {
        const unsigned image =
            image_of_row(order, *step, first_row + i / pixels, batch_size, iterations_per_epoch);
        const float u = images[index_of(image, i % pixels, pixels)];
        x[i] = (u / 255.0f - 0.5f) / 0.5f;
    }
    long long block = first_element();
    for (int i = 0; i < draw_count; ++i) {
        const unsigned* draw = draws + WORDS * i;
        const long long units = rows / draw[PACK], columns = draw[COLUMNS] / draw[BATCHES];
        for (unsigned batch = 0; batch < draw[BATCHES]; ++batch) {
            const long long row = (long long)batch * (whole / draw[PACK]) + first_row / draw[PACK];
            const long long begin = columns * row, end = begin + columns * units;
            const long long first_block = begin / 4, blocks = blocks_of(end) - first_block;
            const long long to =
                draw[START] + (draw[BEFORE] + (long long)batch * columns) * units - begin;
            for (; block < blocks; block += element_stride()) {
                const Words words =
                    philox(first_block + block, draw[SITE], *step, seed_low, seed_high);
                float values[4];
                if (draw[KIND] < CLASSES) draw_floats(values, draw, words);
                for (int k = 0; k < 4; ++k) {
                    const long long at = 4 * (first_block + block) + k;
                    if (at < begin || at >= end) continue;
                    if (draw[KIND] < CLASSES) {
                        floats[to + at] = values[k];
                    } else if (draw[KIND] == CLASSES) {
                        integers[to + at] = (unsigned long long)words.of[k] * draw[FIRST] >> 32;
                    } else {
                        integers[to + at] = labels[image_of_row(
                            order, *step, at, batch_size, iterations_per_epoch)];
                    }
                }
            }
            block -= blocks;
        }
    }
}
