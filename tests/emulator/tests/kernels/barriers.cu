// Kernels that use shared memory, correct and faulty.

// Tree sum of the block's numbers. Without a barrier thread 0 may add values not written yet.
extern "C" __global__ void tree_sum(
    float* __restrict__ y,        // (any): blocks
    const float* __restrict__ x,  // (any): blocks, threads
    unsigned barrier)
{
    __shared__ float sums[1024];
    sums[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        if (barrier) __syncthreads();
        if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) y[blockIdx.x] = sums[0];
}

// Reverses the block's numbers twice. A schedule must expose a missing second barrier.
extern "C" __global__ void reverse_twice(
    float* __restrict__ y,        // (any): threads
    const float* __restrict__ x,  // (any): threads
    unsigned second_barrier)
{
    __shared__ float held[1024];
    const unsigned i = threadIdx.x, mirrored = blockDim.x - 1 - i;
    held[i] = x[i];
    __syncthreads();
    const float reversed = held[mirrored];
    if (second_barrier) __syncthreads();
    held[i] = reversed;
    __syncthreads();
    y[i] = held[mirrored];
}

// Threads that wait at different barriers.
extern "C" __global__ void diverge(
    float* __restrict__ y)  // (any): threads
{
    if (threadIdx.x % 2) {
        __syncthreads();
    } else {
        __syncthreads();
    }
    y[threadIdx.x] = 1.0f;
}

// Threads that exit while others wait.
extern "C" __global__ void leave_early(
    float* __restrict__ y)  // (any): threads
{
    if (threadIdx.x == 3) return;
    __syncthreads();
    y[threadIdx.x] = 1.0f;
}

// The initial content of shared memory.
extern "C" __global__ void read_shared(
    float* __restrict__ y)  // (any): blocks
{
    __shared__ float held[32];
    y[blockIdx.x] = held[7];
    held[7] = 1.0f;
}

// Writes one element too many to shared memory.
extern "C" __global__ void share_too_far(
    float* __restrict__ y,        // (n)
    const float* __restrict__ x,  // (n)
    int n,
    float factor)
{
    __shared__ float held[32];
    float* place = held + threadIdx.x;
    place[1] = x[threadIdx.x] * factor;
    __syncthreads();
    if (threadIdx.x > 0 && threadIdx.x < (unsigned)n) y[threadIdx.x] = held[threadIdx.x];
}

// Waits for the kernel before it, or, for all but one thread, does not.
extern "C" __global__ void wait_for_kernel_before(
    float* __restrict__ y,  // (any): threads
    unsigned all)
{
    if (all || threadIdx.x == 0) cudaGridDependencySynchronize();
    y[threadIdx.x] = 1.0f;
}
