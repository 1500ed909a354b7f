// Environment variables that configure the emulated machine, read at first use.

#pragma once

#include <cstddef>
#include <string>

namespace emulator::environment {

// GAN_CUDA_EMULATOR_DEVICES: the number of devices.
int devices();
// GAN_CUDA_EMULATOR_CAPABILITY: "9.0" is 90.
int capability();
// GAN_CUDA_EMULATOR_DRIVER: the result of cuDriverGetVersion.
int driver();
// GAN_CUDA_EMULATOR_MEMORY: bytes of a device.
size_t memory();
// GAN_CUDA_EMULATOR_MEETING: for how many seconds ncclCommInitRank waits for other ranks.
int meeting_seconds();
// NCCL_HOSTID: what NCCL takes for this machine's name.
std::string host();

} // namespace emulator::environment
