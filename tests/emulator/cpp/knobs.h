// What the environment says about the emulated machine, read when it is first needed.

#pragma once

#include <cstddef>

namespace emulator::knobs {

// GAN_CUDA_EMULATOR_DEVICES: how many there are.
int devices();
// GAN_CUDA_EMULATOR_CAPABILITY: "9.0" is 90.
int capability();
// GAN_CUDA_EMULATOR_DRIVER: what cuDriverGetVersion says.
int driver();
// GAN_CUDA_EMULATOR_MEMORY: bytes of a device.
size_t memory();

} // namespace emulator::knobs
