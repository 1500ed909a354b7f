# The program with all that a GPU needs but the driver:
#
#     docker build -t gan-cuda .
#     docker run --rm --gpus all --user "$(id -u):$(id -g)" -v "$PWD:/work" gan-cuda train
#
# Without --gpus it trains on the CPU. It has not been built yet.

FROM rust:1-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m pip install --no-cache-dir --target /nvrtc 'nvidia-cuda-nvrtc==13.0.*'
WORKDIR /source
COPY . .
# NVRTC compiles the kernels now, so that the image does not need it.
RUN GAN_CUDA_REQUIRE_NVRTC=1 \
    GAN_CUDA_NVRTC_DIR="$(dirname "$(find /nvrtc -name 'libnvrtc.so.*' -print -quit)")" \
    cargo build --profile dist --locked --bin gan-cuda

# It holds cuBLAS.
FROM nvidia/cuda:13.0.1-runtime-ubuntu24.04
COPY --from=build /source/target/dist/gan-cuda /usr/local/bin/gan-cuda
COPY LICENSE-MIT LICENSE-APACHE /usr/local/share/doc/gan-cuda/
WORKDIR /work
ENTRYPOINT ["gan-cuda"]
