// Convolutions by im2col and col2im; cuBLAS does the matrix multiplications.
//
//   gather  im2col: windows[n, r, c, i, j, q] = x[n, r·stride + i − padding, c·stride + j − padding, q]
//   sum     col2im: x ← activation(mask ⊙ (s + b)),  s[n, u, v, q] = Σ windows[n, r, c, i, j, first + q]
//           over r, i with r·stride + i − padding = u, and c, j with c·stride + j − padding = v
//   transpose  y[n, j, i] = x[n, i, j]
//
// Images are stored channels last: x (rows, x_height, x_width, channels). windows (rows, y_height,
// y_width, kernel, kernel, inputs). Images are zero-padded. Outputs are overwritten. Deterministic: a
// sum has a fixed order, nothing is scattered. Launch: elementwise.

#include "common.cuh"

extern "C" __global__ void convolution_gather(
    float* __restrict__ windows,  // (rows, y_height, y_width, kernel, kernel, inputs)
    const float* __restrict__ x,  // (rows, x_height, x_width, inputs)
    int rows,
    int x_height,
    int x_width,
    int y_height,
    int y_width,
    int inputs,
    int kernel,
    int stride,
    int padding)
{
    const unsigned run = kernel * inputs, window = kernel * run;
    const long long count = (long long)rows * y_height * y_width * window;
    for (long long at = first_element(); at < count; at += element_stride()) {
        const unsigned position = at / window, number = at % window;
        const unsigned line = position / y_width;
        const int row = (int)(line % y_height) * stride + (int)(number / run) - padding;
        // A window's row is contiguous in the image, so column and channel need not be told apart.
        const int column =
            ((int)(position % y_width) * stride - padding) * inputs + (int)(number % run);
        const bool inside = row >= 0 && row < x_height && column >= 0 && column < x_width * inputs;
        const unsigned image = line / y_height;
        windows[at] =
            !inside ? 0.0f : x[index_of(image * x_height + row, column, x_width * inputs)];
    }
}

extern "C" __global__ void convolution_sum(
    float* __restrict__ x,              // (rows, x_height, x_width, channels)
    const float* __restrict__ windows,  // (rows, y_height, y_width, kernel, kernel, inputs)
    const float* __restrict__ b,        // (channels) or null
    const float* __restrict__ mask,     // (rows, x_height, x_width, channels) or null
    int rows,
    int x_height,
    int x_width,
    int y_height,
    int y_width,
    int channels,
    int inputs,
    int first,
    int kernel,
    int stride,
    int padding,
    unsigned activation,
    float slope)
{
    const long long count = (long long)rows * x_height * x_width * channels;
    for (long long at = first_element(); at < count; at += element_stride()) {
        const unsigned channel = at % channels, pixel = at / channels;
        const unsigned line = pixel / x_width, image = line / x_height;
        // Coordinates in the padded image: position·stride + i.
        const int u = line % x_height + padding, v = pixel % x_width + padding;
        float sum = 0.0f;
        for (int i = u % stride; i < kernel && i <= u; i += stride) {
            const int r = (u - i) / stride;
            if (r >= y_height) continue;
            for (int j = v % stride; j < kernel && j <= v; j += stride) {
                const int c = (v - j) / stride;
                if (c >= y_width) continue;
                const unsigned position = (image * y_height + r) * y_width + c;
                const unsigned number = (i * kernel + j) * inputs + first + channel;
                sum += windows[index_of(position, number, kernel * kernel * inputs)];
            }
        }
        if (b) sum += b[channel];
        if (mask) sum *= mask[at];
        x[at] = activate(activation, slope, sum);
    }
}

extern "C" __global__ void image_transpose(
    float* __restrict__ y,        // (rows, width, height)
    const float* __restrict__ x,  // (rows, height, width)
    int rows,
    int height,
    int width)
{
    const unsigned len = height * width;
    const long long count = (long long)rows * len;
    for (long long at = first_element(); at < count; at += element_stride()) {
        const unsigned row = at / len, i = at % len % height, j = at % len / height;
        y[at] = x[index_of(row, i * width + j, len)];
    }
}
