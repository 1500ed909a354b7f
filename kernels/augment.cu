// Random augmentation of images: DiffAugment (Zhao et al. 2020) after a horizontal flip.
//
// An image's numbers u0 … u7 in `draws`, and below(n, u) = ⌊n·u⌋ from the first 24 bits of u, give
//
//   flip       f[k, r, c] = x[k, r, width − 1 − c] where u0 < ½, else x[k, r, c]
//   colour     z = (s − s̄)·(u3 + ½) + s̄,  s = (b − b̄)·2·u2 + b̄,  b = f + u1 − ½
//              with the mean b̄ of a pixel over the channels, and the mean s̄ of the image
//   translate  t[k, r, c] = z[k, r + i, c + j], 0 outside:  i = below(2·m + 1, u4) − m with
//              m = ⌊height/8 + ½⌋, and j by u5 and the width
//   cutout     y[k, r, c] = 0 where i ≤ r < i + h and j ≤ c < j + w, else t[k, r, c]:  h = ⌈height/2⌉,
//              i = below(height + 1 − h mod 2, u6) − ⌊h/2⌋, and w, j by u7 and the width
//
// Saturation does not change s̄ = f̄ + u1 − ½, so colour is one sum of f, its pixel's mean and the image's:
// z = own·f + pixel·(pixel mean of f) + image·f̄ + brightness, with the factors of Transformation.
//
//   forward    y = T(x)
//   backward   dx = Aᵀ·dy, where T(x) = A·x + T(0):  with dz = dy moved back to where it came from, and 0
//              elsewhere, df = own·dz + pixel·(pixel mean of dz) + image·(mean of dz), flipped back
//
// x, y, dx, dy (rows, channels, height, width), draws (rows, 8). Outputs are overwritten.
// Deterministic: one block of any size per image, sums by a fixed tree.

#include "common.cuh"

// Bits of `augmentations`.
enum Augmentation { FLIP = 1, TRANSLATE = 2, CUTOUT = 4, COLOUR = 8 };

enum { DRAWS = 8 };

// The transformation of one image.
struct Transformation {
    int channels, height, width;
    bool flip;
    int down, across;              // output pixel (r, c) is input pixel (r + down, c + across)
    int top, bottom, left, right;  // the hole
    float own, pixel, image;       // factors of a number, its pixel's mean and the image's mean
    float brightness;
};

// A uniform integer in 0..n, from the first 24 bits of u in [0, 1).
__device__ inline int below(int n, float u)
{
    return (unsigned long long)(u * 16777216.0f) * n >> 24;
}

// A shift by up to an eighth of an extent, either way.
__device__ inline int shift(int extent, float u)
{
    const int most = (extent + 4) / 8;
    return below(2 * most + 1, u) - most;
}

// The first row or column of a hole of `size` around a random centre.
__device__ inline int first_of_hole(int extent, int size, float u)
{
    return below(extent + 1 - size % 2, u) - size / 2;
}

__device__ inline Transformation transformation_of(
    const float* u, int channels, int height, int width, unsigned augmentations)
{
    Transformation t = {channels, height, width, false, 0, 0, 0, 0, 0, 0, 1.0f, 0.0f, 0.0f, 0.0f};
    if (augmentations & FLIP) t.flip = u[0] < 0.5f;
    if (augmentations & COLOUR) {
        const float saturation = 2.0f * u[2], contrast = u[3] + 0.5f;
        t.own = contrast * saturation;
        t.pixel = contrast * (1.0f - saturation);
        t.image = 1.0f - contrast;
        t.brightness = u[1] - 0.5f;
    }
    if (augmentations & TRANSLATE) {
        t.down = shift(height, u[4]);
        t.across = shift(width, u[5]);
    }
    if (augmentations & CUTOUT) {
        const int rows = (height + 1) / 2, columns = (width + 1) / 2;
        t.top = first_of_hole(height, rows, u[6]);
        t.bottom = t.top + rows;
        t.left = first_of_hole(width, columns, u[7]);
        t.right = t.left + columns;
    }
    return t;
}

__device__ inline int pixels_of(const Transformation& t)
{
    return t.height * t.width;
}

__device__ inline int flipped(const Transformation& t, int column)
{
    return t.flip ? t.width - 1 - column : column;
}

// Whether the image has this pixel.
__device__ inline bool has(const Transformation& t, int row, int column)
{
    return row >= 0 && row < t.height && column >= 0 && column < t.width;
}

__device__ inline bool is_in_hole(const Transformation& t, int row, int column)
{
    return row >= t.top && row < t.bottom && column >= t.left && column < t.right;
}

// Where there is no pixel.
enum { NOWHERE = -1 };

// The input pixel that is moved to an output pixel.
__device__ inline int source_of(const Transformation& t, int pixel)
{
    const int row = pixel / t.width, column = pixel % t.width;
    const int from_row = row + t.down, from_column = column + t.across;
    if (is_in_hole(t, row, column) || !has(t, from_row, from_column)) return NOWHERE;
    return from_row * t.width + flipped(t, from_column);
}

// The output pixel that an input pixel is moved to.
__device__ inline int destination_of(const Transformation& t, int pixel)
{
    const int row = pixel / t.width - t.down;
    const int column = flipped(t, pixel % t.width) - t.across;
    if (is_in_hole(t, row, column) || !has(t, row, column)) return NOWHERE;
    return row * t.width + column;
}

// The sum over the channels of a pixel.
__device__ inline float channel_sum(const Transformation& t, const float* image, int pixel)
{
    float sum = 0.0f;
    for (int k = 0; k < t.channels; ++k) sum += image[k * pixels_of(t) + pixel];
    return sum;
}

// Computes a pixel of `to` from one of `from`, or sets it to `missing`.
__device__ inline void write_pixel(
    float* to,
    int to_pixel,
    const float* from,
    int from_pixel,
    const Transformation& t,
    float added,
    float missing)
{
    const bool found = from_pixel != NOWHERE;
    const float mean = found ? channel_sum(t, from, from_pixel) / t.channels : 0.0f;
    for (int k = 0; k < t.channels; ++k) {
        const int plane = k * pixels_of(t);
        to[plane + to_pixel] =
            found ? t.own * from[plane + from_pixel] + t.pixel * mean + added : missing;
    }
}

// Launch: a block for each image.
extern "C" __global__ void augment_forward(
    float* __restrict__ y,            // (rows, channels, height, width)
    const float* __restrict__ x,      // (rows, channels, height, width)
    const float* __restrict__ draws,  // (rows, 8)
    int rows,  // as many blocks
    int channels,
    int height,
    int width,
    unsigned augmentations)
{
    const Transformation t = transformation_of(
        draws + index_of(blockIdx.x, 0, DRAWS), channels, height, width, augmentations);
    const int pixels = pixels_of(t), len = channels * pixels;
    float* to = y + index_of(blockIdx.x, 0, len);
    const float* from = x + index_of(blockIdx.x, 0, len);
    __shared__ float sums[MAX_THREADS];
    float added = 0.0f;
    if (augmentations & COLOUR) {
        float sum = 0.0f;
        for (int i = threadIdx.x; i < len; i += blockDim.x) sum += from[i];
        added = t.image * (block_sum(sums, sum) / len) + t.brightness;
    }
    for (int pixel = threadIdx.x; pixel < pixels; pixel += blockDim.x) {
        write_pixel(to, pixel, from, source_of(t, pixel), t, added, 0.0f);
    }
}

// Launch: a block for each image.
extern "C" __global__ void augment_backward(
    float* __restrict__ dx,           // (rows, channels, height, width)
    const float* __restrict__ dy,     // (rows, channels, height, width)
    const float* __restrict__ draws,  // (rows, 8)
    int rows,  // as many blocks
    int channels,
    int height,
    int width,
    unsigned augmentations)
{
    const Transformation t = transformation_of(
        draws + index_of(blockIdx.x, 0, DRAWS), channels, height, width, augmentations);
    const int pixels = pixels_of(t), len = channels * pixels;
    float* to = dx + index_of(blockIdx.x, 0, len);
    const float* from = dy + index_of(blockIdx.x, 0, len);
    __shared__ float sums[MAX_THREADS];
    float added = 0.0f;
    if (augmentations & COLOUR) {
        float sum = 0.0f;
        for (int pixel = threadIdx.x; pixel < pixels; pixel += blockDim.x) {
            if (source_of(t, pixel) != NOWHERE) sum += channel_sum(t, from, pixel);
        }
        added = t.image * (block_sum(sums, sum) / len);
    }
    for (int pixel = threadIdx.x; pixel < pixels; pixel += blockDim.x) {
        write_pixel(to, pixel, from, destination_of(t, pixel), t, added, added);
    }
}
