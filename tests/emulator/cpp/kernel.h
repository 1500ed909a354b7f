// CUDA C++ for an ordinary C++ compiler: the definitions that a kernel's source needs when it is
// compiled for the CPU, and those that a generated kernel entry needs.
//
// A generated file defines EMULATOR_SHARED (the name of a linker section, one for each .cu file),
// includes this header and then, inside an unnamed namespace, the .cu file.

#pragma once

#include <math.h>
#include <string.h>

#include "grid.h"

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

// All shared variables of a file are in one section, so that it can be filled before each block.
#define __shared__ static __attribute__((section(EMULATOR_SHARED)))

#define __syncthreads() emulator::barrier(__FILE__, __LINE__)

// Programmatic dependent launch.
inline void cudaGridDependencySynchronize() { emulator::wait_for_kernel_before(); }
inline void cudaTriggerProgrammaticLaunchCompletion() {}

using emulator::blockDim;
using emulator::blockIdx;
using emulator::gridDim;
using emulator::threadIdx;

// Aligned as on the device, so that UBSan sees a misaligned access.
struct alignas(16) float4 {
    float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

inline void sincospif(float x, float* sine, float* cosine)
{
    *sine = (float)sin(M_PI * x);
    *cosine = (float)cos(M_PI * x);
}

// One thread runs at a time, so writes are visible at once. Each returns the old value.
inline void __threadfence() {}
inline unsigned atomicAdd(unsigned* place, unsigned value)
{
    const unsigned old = *place;
    *place = old + value;
    return old;
}
inline unsigned atomicInc(unsigned* place, unsigned limit)
{
    const unsigned old = *place;
    *place = old >= limit ? 0 : old + 1;
    return old;
}
