// Products of matrices with few rows, by blocks that each own all rows of a few columns: what follows a
// product (bias, mask and activation, statistics and other sums over rows) is computed by the same block.
//
// A fifth kind of launch, beside those of common.cuh, whose blocks have a fixed size:
//   gemm  blocks of GemmBlock::COLUMNS × LANES threads, with a thread in x for every column. After a
//         product, thread (x, y) holds rows y, y + LANES, … of its column, as in a columns launch
//
// A block computes GemmBlock::ROWS rows at a time, in steps along the depth. Each step is copied to
// shared memory, while the numbers of the next one are already on their way. A quarter of the threads
// sums every fourth product of each element, 4 rows × 2 columns a thread; then the four sums are added.
//
// Included after common.cuh.

#pragma once

// The block of a gemm launch, and the rows that it computes at a time.
enum GemmBlock { COLUMNS = 8, LANES = 32, ROWS = 64 };

enum {
    GEMM_THREADS = COLUMNS * LANES,
    // Numbers of each row and column in a step.
    DEPTH = 64,
    // Threads that sum different products of the same elements.
    SHARES = 4,
    TILE_ROWS = 4,
    TILE_COLUMNS = 2,
    // Rows per copied number, padded: threads that copy neighbours then write to different banks.
    PADDED_ROWS = ROWS + 4,
    // Copied numbers of a thread.
    A_COPIES = ROWS * DEPTH / GEMM_THREADS,
    B_COPIES = COLUMNS * DEPTH / GEMM_THREADS,
};

// Matrices whose product c (rows, columns) = a·b is computed: a (rows, depth), and b (depth, columns) or,
// if it is transposed, (columns, depth). Rows of b are `stride` apart.
struct Operands {
    const float* a;
    const float* b;
    unsigned rows, columns, depth, stride;
    bool transposed;
};

// a·bᵀ, where b (columns, depth).
__device__ inline Operands with_transposed(
    const float* a, const float* b, unsigned rows, unsigned columns, unsigned depth)
{
    return {a, b, rows, columns, depth, depth, true};
}

// a·b, where b (depth, columns), or some columns of a wider matrix.
__device__ inline Operands with_columns(
    const float* a, const float* b, unsigned rows, unsigned columns, unsigned depth, unsigned stride)
{
    return {a, b, rows, columns, depth, stride, false};
}

// A step of the operands, and then the sums of each share.
union alignas(16) GemmMemory {
    struct {
        float a[DEPTH * PADDED_ROWS];
        float b[DEPTH * COLUMNS];
    } step;
    float sums[SHARES * ROWS * COLUMNS];
};

// The threads copy eight numbers of a row, 32 bytes, side by side.
__device__ inline unsigned copied_depth(unsigned thread, unsigned copy, unsigned lines)
{
    const unsigned together = GEMM_THREADS / 8;
    const unsigned number = copy * together + thread / 8;
    return number / lines * 8 + thread % 8;
}

__device__ inline unsigned copied_line(unsigned thread, unsigned copy, unsigned lines)
{
    const unsigned together = GEMM_THREADS / 8;
    return (copy * together + thread / 8) % lines;
}

#ifdef __CUDA_ARCH__
template <class Pointer>
__device__ inline void forget_origin(Pointer& pointer)
{
    asm volatile("" : "+l"(pointer) :: "memory");
}
#endif

// By programmatic dependent launch a kernel may start before the one before it ends: only from here on may
// it read device memory. Then the next kernel may start. NVRTC has no headers that declare these functions
// of CUDA's.
//
// `read` are the kernel's pointers to what it reads. The compiler takes memory behind a restrict pointer
// for unchanged by others, and might read it earlier, and if it is const through a cache that is never
// updated; so here they become pointers of unknown origin.
template <class... Pointers>
__device__ inline void wait_for_the_kernel_before(Pointers&... read)
{
#ifndef __CUDA_ARCH__
    cudaGridDependencySynchronize();
    cudaTriggerProgrammaticLaunchCompletion();
#elif __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    (forget_origin(read), ...);
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Loads a thread's numbers of the step that begins at depth `from`; 0 beyond the edges.
__device__ inline void load_step(
    float* a, float* b, const Operands& of, unsigned thread, unsigned first_row, unsigned from)
{
    for (int copy = 0; copy < A_COPIES; ++copy) {
        const unsigned row = first_row + copied_line(thread, copy, ROWS);
        const unsigned k = from + copied_depth(thread, copy, ROWS);
        a[copy] = row < of.rows && k < of.depth ? of.a[index_of(row, k, of.depth)] : 0.0f;
    }
    for (int copy = 0; copy < B_COPIES; ++copy) {
        // Neighbours in memory are neighbours in depth, or in columns.
        const unsigned line = copied_line(thread, copy, COLUMNS);
        const unsigned k = copied_depth(thread, copy, COLUMNS);
        const unsigned number = copy * GEMM_THREADS + thread;
        const unsigned depth = from + (of.transposed ? k : number / COLUMNS);
        const unsigned column = blockIdx.x * COLUMNS + (of.transposed ? line : number % COLUMNS);
        const bool inside = depth < of.depth && column < of.columns;
        b[copy] = !inside          ? 0.0f
                  : of.transposed ? of.b[index_of(column, depth, of.stride)]
                                  : of.b[index_of(depth, column, of.stride)];
    }
}

__device__ inline void store_step(
    GemmMemory& memory, const float* a, const float* b, unsigned thread, bool transposed)
{
    for (int copy = 0; copy < A_COPIES; ++copy) {
        const unsigned k = copied_depth(thread, copy, ROWS);
        memory.step.a[k * PADDED_ROWS + copied_line(thread, copy, ROWS)] = a[copy];
    }
    for (int copy = 0; copy < B_COPIES; ++copy) {
        const unsigned k = copied_depth(thread, copy, COLUMNS);
        const unsigned at = k * COLUMNS + copied_line(thread, copy, COLUMNS);
        memory.step.b[transposed ? at : copy * GEMM_THREADS + thread] = b[copy];
    }
}

// Computes the rows from `first_row` on of a block's columns: afterwards element_at() returns them, until
// the next barrier. All threads must call it.
__device__ inline void multiply_rows(GemmMemory& memory, const Operands& of, unsigned first_row)
{
    const unsigned thread = threadIdx.y * COLUMNS + threadIdx.x;
    const unsigned tiles = GEMM_THREADS / SHARES, share = thread / tiles;
    const unsigned row = thread % tiles % (ROWS / TILE_ROWS) * TILE_ROWS;
    const unsigned column = thread % tiles / (ROWS / TILE_ROWS) * TILE_COLUMNS;
    float a[A_COPIES], b[B_COPIES], sums[TILE_ROWS][TILE_COLUMNS] = {};
    load_step(a, b, of, thread, first_row, 0);
    for (unsigned from = 0; from < of.depth; from += DEPTH) {
        __syncthreads();
        store_step(memory, a, b, thread, of.transposed);
        __syncthreads();
        load_step(a, b, of, thread, first_row, from + DEPTH);
        for (unsigned k = share; k < DEPTH; k += SHARES) {
            const float* rows = memory.step.a + k * PADDED_ROWS + row;
            const float* columns = memory.step.b + k * COLUMNS + column;
            for (int i = 0; i < TILE_ROWS; ++i) {
                for (int j = 0; j < TILE_COLUMNS; ++j) sums[i][j] += rows[i] * columns[j];
            }
        }
    }
    __syncthreads();
    for (int i = 0; i < TILE_ROWS; ++i) {
        for (int j = 0; j < TILE_COLUMNS; ++j) {
            memory.sums[(share * ROWS + row + i) * COLUMNS + column + j] = sums[i][j];
        }
    }
    __syncthreads();
}

// The element of this thread's column in a row, counted from the first computed one.
__device__ inline float element_at(const GemmMemory& memory, unsigned row)
{
    float sum = 0.0f;
    for (unsigned share = 0; share < SHARES; ++share) {
        sum += memory.sums[(share * ROWS + row) * COLUMNS + threadIdx.x];
    }
    return sum;
}

// c = a·b for a block's columns, of all rows if its grid has one block in y. Each thread writes the rows
// that it walks, and may read them without a barrier.
__device__ inline void multiply_columns(GemmMemory& memory, float* c, const Operands& of)
{
    const unsigned column = blockIdx.x * COLUMNS + threadIdx.x;
    for (unsigned first = blockIdx.y * ROWS; first < of.rows; first += gridDim.y * ROWS) {
        multiply_rows(memory, of, first);
        for (unsigned row = threadIdx.y; row < ROWS; row += LANES) {
            if (first + row >= of.rows || column >= of.columns) continue;
            c[index_of(first + row, column, of.columns)] = element_at(memory, row);
        }
    }
}
