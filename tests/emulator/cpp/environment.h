// Environment variables that configure the emulated machine, read at first use.

#pragma once

#include <cstddef>

namespace emulator::environment {

// GAN_CUDA_EMULATOR_DEVICES: the number of devices.
int devices();
// GAN_CUDA_EMULATOR_CAPABILITY: "9.0" is 90.
int capability();
// GAN_CUDA_EMULATOR_DRIVER: the result of cuDriverGetVersion.
int driver();
// GAN_CUDA_EMULATOR_MEMORY: bytes of a device.
size_t memory();

} // namespace emulator::environment
