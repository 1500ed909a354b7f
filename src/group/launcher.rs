//! The launchers that start the ranks of a run, and the names of their variables.

use std::fmt::{self, Display, Formatter};

/// What started the ranks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launcher {
    /// PyTorch's torchrun, or anything else that sets the same variables.
    Torchrun,
    /// A step of Slurm's srun.
    Slurm,
    /// Open MPI's mpirun.
    OpenMpi,
    /// None that is known: flags state the ranks.
    Flags,
}

impl Display for Launcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Launcher::Torchrun => "torchrun",
            Launcher::Slurm => "Slurm",
            Launcher::OpenMpi => "Open MPI",
            Launcher::Flags => "flags",
        })
    }
}

/// A value that a flag or one of several variables states. The first variable that is set counts.
pub(super) struct Value {
    /// The flag.
    pub flag: &'static str,
    /// The variables, of which a launcher may have none.
    pub variables: &'static [&'static str],
}

impl Launcher {
    /// Where rank, local rank and number of ranks are stated.
    pub(super) fn values(self) -> (Value, Value, Value) {
        type Names = &'static [&'static str];
        let (rank, local_rank, size): (Names, Names, Names) = match self {
            Launcher::Torchrun => (&["RANK"], &["LOCAL_RANK"], &["WORLD_SIZE"]),
            Launcher::Slurm => {
                (&["SLURM_PROCID"], &["SLURM_LOCALID"], &["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"])
            }
            Launcher::OpenMpi => (
                &["OMPI_COMM_WORLD_RANK"],
                &["OMPI_COMM_WORLD_LOCAL_RANK"],
                &["OMPI_COMM_WORLD_SIZE"],
            ),
            Launcher::Flags => (&[], &[], &[]),
        };
        (
            Value { flag: "--rank", variables: rank },
            Value { flag: "--local-rank", variables: local_rank },
            Value { flag: "--world-size", variables: size },
        )
    }
}
