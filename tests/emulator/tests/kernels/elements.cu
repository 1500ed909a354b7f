// Elementwise kernels, correct and faulty.

extern "C" __global__ void scale(
    float* __restrict__ y,        // (n)
    const float* __restrict__ x,  // (n)
    int n,
    float factor)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        y[i] = factor * x[i];
    }
}

// Writes one element too many.
extern "C" __global__ void scale_too_far(
    float* __restrict__ y,        // (n)
    const float* __restrict__ x,  // (n)
    int n,
    float factor)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i <= n; i += gridDim.x * blockDim.x) {
        y[i] = factor * x[i];
    }
}

// x ← 2·x + 1, which depends on the order and the number of launches.
extern "C" __global__ void step(
    float* __restrict__ x,  // (n)
    int n)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        x[i] = 2.0f * x[i] + 1.0f;
    }
}

// The index of each thread, as one number.
extern "C" __global__ void coordinates(
    unsigned* __restrict__ y,           // (any): threads
    const unsigned* __restrict__ bias,  // (1) or null
    unsigned factor)
{
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
    y[i] = factor * i + (bias ? *bias : 0);
}

// Copies four numbers at a time.
extern "C" __global__ void copy_fours(
    float* __restrict__ y,        // (any): 4·n
    const float* __restrict__ x,  // (any): 4·n
    int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    ((float4*)y)[i] = ((const float4*)x)[i];
}

extern "C" __global__ void functions(
    float* __restrict__ y,  // (10)
    float x)
{
    float sine, cosine;
    sincospif(x, &sine, &cosine);
    const float4 all = make_float4(expf(x), log1pf(x), expm1f(x), tanhf(x));
    y[0] = all.x, y[1] = all.y, y[2] = all.z, y[3] = all.w;
    y[4] = sine, y[5] = cosine;
    y[6] = rsqrtf(x), y[7] = fmaxf(x, 2.0f);
    y[8] = min(3, 2), y[9] = max(3u, 2u);
}

// Counts the blocks; the last one to arrive stores the count, and the ticket is 0 again.
extern "C" __global__ void count_blocks(
    unsigned* __restrict__ y)  // (3): the count, the ticket, what the last one notes
{
    if (threadIdx.x > 0) return;
    atomicAdd(y, 1u);
    __threadfence();
    const unsigned last = gridDim.x - 1;
    if (atomicInc(y + 1, last) == last) y[2] = atomicAdd(y, 0u);
}
