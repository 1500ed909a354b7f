// Images of compiled kernels: cubins (ELF) and PTX, the emulated NVRTC's included.
//
// Their code is not run. They determine whether a device would load the image, and its kernels.

#pragma once

#include <string>

#include "cuda.h"

namespace emulator {

class Image {
public:
// Copies the image. Fails like a device of this capability and a driver of this version.
    CUresult read(const void* image, int capability, int driver);
    // Whether there is a kernel of this name.
    bool has(const std::string& kernel) const;

private:
    CUresult read_cubin(const char* image, int capability);
    CUresult read_ptx(const char* image, int capability, int driver);

    bool cubin_ = false;
    std::string bytes_;
};

} // namespace emulator
