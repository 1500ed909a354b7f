// CUDA C++ for an ordinary C++ compiler: what a kernel's source finds when it is compiled for the
// CPU, and what the generated entry of a kernel needs of the emulator.
//
// A generated file defines EMULATOR_SHARED (the name of a linker section, one for each .cu file),
// includes this header and then, inside an unnamed namespace, the .cu file.

#pragma once

#include <math.h>
#include <string.h>

#include "grid.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)

// All shared variables of a file lie in one section, so that it can be filled before each block.
#define __shared__ static __attribute__((section(EMULATOR_SHARED)))

#define __syncthreads() emulator::barrier(__FILE__, __LINE__)

using emulator::blockDim;
using emulator::blockIdx;
using emulator::dim3;
using emulator::gridDim;
using emulator::threadIdx;
using emulator::uint3;

// Vectors are aligned as on the device, so that UBSan sees a misaligned access.
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(16) int4 {
    int x, y, z, w;
};
struct alignas(4) uchar4 {
    unsigned char x, y, z, w;
};

inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

inline int min(int a, int b) { return b < a ? b : a; }
inline int max(int a, int b) { return a < b ? b : a; }
inline unsigned min(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned max(unsigned a, unsigned b) { return a < b ? b : a; }
inline long long min(long long a, long long b) { return b < a ? b : a; }
inline long long max(long long a, long long b) { return a < b ? b : a; }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float sinpif(float x) { return (float)sin(M_PI * x); }
inline float cospif(float x) { return (float)cos(M_PI * x); }
inline void sincospif(float x, float* sine, float* cosine)
{
    *sine = sinpif(x);
    *cosine = cospif(x);
}

inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((unsigned long long)a * b >> 32); }
inline int __mulhi(int a, int b) { return (int)((long long)a * b >> 32); }

inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float __uint_as_float(unsigned bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Sums and products that must not be contracted; here nothing is.
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }

// One thread runs at a time, and what it writes is seen at once. Each returns what was there.
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

template <class T>
inline T __ldg(const T* place)
{
    return *place;
}
