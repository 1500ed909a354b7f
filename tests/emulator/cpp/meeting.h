// How the ranks of a communicator find each other: rank 0 listens at the name in the unique ID, and
// decides whether those that came can be a communicator.

#pragma once

#include <vector>

#include "cuda.h"
#include "nccl.h"
#include "transport.h"

namespace emulator {

// What a rank tells rank 0.
struct Member {
    int rank, ranks;
    CUdevice device;
};

// A new ID, at which this process listens from now on.
Problem invite(UniqueId& id);

// Waits until all ranks have come. The connections are, in rank 0, one for each rank, the first of which
// is empty; in others, the one to rank 0.
Problem meet(const UniqueId& id, const Member& self, std::vector<Descriptor>& links);

} // namespace emulator
