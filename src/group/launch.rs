//! The place of this process among the ranks of a run, as its launcher tells it in environment
//! variables. Nothing here starts processes.

use super::error::LaunchProblem;
use super::launcher::{Launcher, Value};
use super::nodelist::first_host;

/// The port of rank 0 if neither a launcher nor the user determines one.
const DEFAULT_PORT: u16 = 29600;
/// Ports that are derived from a job: below those that systems assign to outgoing connections
/// (Linux from 32768, others from 49152), and below torchrun's 29500 and our default.
const FIRST_DERIVED_PORT: u16 = 20000;
const DERIVED_PORTS: u16 = 9000;

/// What flags say about the ranks; each value goes before that of the launcher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `--rank`
    pub rank: Option<usize>,
    /// `--world-size`
    pub world_size: Option<usize>,
    /// `--local-rank`
    pub local_rank: Option<usize>,
    /// `--master-addr`
    pub master_addr: Option<String>,
    /// `--master-port`
    pub master_port: Option<u16>,
}

/// The place of a process among the ranks of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of this process, below `size`.
    pub rank: usize,
    /// The number of processes, at least 1.
    pub size: usize,
    /// The number of this process among those on its host, which chooses its GPU.
    pub local_rank: usize,
    /// Host and port where rank 0 listens.
    pub address: (String, u16),
    /// What started the processes.
    pub launcher: Launcher,
}

impl Place {
    /// The place of this process; `None` if nothing says that there are ranks. `variable` returns
    /// environment variables; empty ones count as missing.
    ///
    /// A torchrun that was started by srun, and an mpirun inside an allocation of Slurm, leave the
    /// variables of both: torchrun's go before Open MPI's, and these before Slurm's. Slurm's count
    /// only in a step of srun, since a batch script by itself is one process.
    ///
    /// Rank 0 listens on the host that `--master-addr`, else `MASTER_ADDR` names; else on the first
    /// one of Slurm's step, or on this one. Its port is that of `--master-port`, else
    /// `MASTER_PORT`; on the latter torchrun listens itself, so there it is the next port. Without
    /// both, the jobs of Slurm and Open MPI have ports from 20000 to 28999 that depend on the job,
    /// because several jobs may share a host.
    ///
    /// # Errors
    /// If a value is missing or makes no sense.
    pub fn find(
        given: &Given,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Place>, LaunchProblem> {
        let variables = Variables(variable);
        let Some(launcher) = variables.launcher(given) else { return Ok(None) };
        let (rank, local_rank, size) = launcher.values();
        let rank = variables.value(launcher, &rank, given.rank)?;
        let size = variables.value(launcher, &size, given.world_size)?;
        if size.number == 0 {
            return Err(LaunchProblem::NoRanks { name: size.name });
        }
        let (name, rank, size) = (rank.name, rank.number, size.number);
        if rank >= size {
            return Err(LaunchProblem::Rank { name, rank, size });
        }
        let given_local = given.local_rank.or((launcher == Launcher::Flags).then_some(rank));
        let local_rank = variables.value(launcher, &local_rank, given_local)?.number;
        let address = (variables.host(launcher, given, size)?, variables.port(launcher, given)?);
        Ok(Some(Place { rank, size, local_rank, address, launcher }))
    }
}

/// A number, and the flag or variable that states it.
struct Number {
    name: &'static str,
    number: usize,
}

/// The environment.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn launcher(&self, given: &Given) -> Option<Launcher> {
        let is_set = |name| self.get(name).is_some();
        let of_torchrun = ["RANK", "WORLD_SIZE"].map(is_set);
        if of_torchrun == [true; 2] {
            Some(Launcher::Torchrun)
        } else if is_set("OMPI_COMM_WORLD_RANK") || is_set("OMPI_COMM_WORLD_SIZE") {
            Some(Launcher::OpenMpi)
        } else if is_set("SLURM_PROCID") && is_set("SLURM_STEP_NODELIST") {
            Some(Launcher::Slurm)
        } else if of_torchrun != [false; 2] {
            // Reported as incomplete. Scripts for srun often set WORLD_SIZE alone.
            Some(Launcher::Torchrun)
        } else {
            (*given != Given::default()).then_some(Launcher::Flags)
        }
    }

    fn value(
        &self,
        launcher: Launcher,
        value: &Value,
        given: Option<usize>,
    ) -> Result<Number, LaunchProblem> {
        if let Some(number) = given {
            return Ok(Number { name: value.flag, number });
        }
        let set = value.variables.iter().find_map(|&name| Some((name, self.get(name)?)));
        let Some((name, text)) = set else { return Err(missing(launcher, value)) };
        match text.parse() {
            Ok(number) => Ok(Number { name, number }),
            Err(_) => Err(LaunchProblem::NotANumber { name, value: text }),
        }
    }

    /// The host where rank 0 listens.
    fn host(
        &self,
        launcher: Launcher,
        given: &Given,
        size: usize,
    ) -> Result<String, LaunchProblem> {
        if let Some(host) = given.master_addr.clone().or_else(|| self.get("MASTER_ADDR")) {
            // An IPv6 address, as it is written in front of a port.
            let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            return Ok(address.map_or(host.clone(), str::to_owned));
        }
        let this_host = || "127.0.0.1".to_owned();
        match launcher {
            Launcher::Torchrun => {
                let value = Value { flag: "--master-addr", variables: &["MASTER_ADDR"] };
                Err(missing(launcher, &value))
            }
            Launcher::Slurm => {
                let name = "SLURM_STEP_NODELIST";
                let value = self.get(name).unwrap_or_default();
                first_host(&value).ok_or(LaunchProblem::NodeList { name, value })
            }
            Launcher::OpenMpi => {
                let here = self.get("OMPI_COMM_WORLD_LOCAL_SIZE");
                let all_here = here.is_some_and(|here| here.parse() == Ok(size));
                all_here.then(this_host).ok_or(LaunchProblem::NoAddress)
            }
            Launcher::Flags => Ok(this_host()),
        }
    }

    /// The port on which rank 0 listens.
    fn port(&self, launcher: Launcher, given: &Given) -> Result<u16, LaunchProblem> {
        if let Some(port) = given.master_port {
            return valid_port("--master-port", &port.to_string());
        }
        let name = "MASTER_PORT";
        if let Some(text) = self.get(name) {
            let port = valid_port(name, &text)?;
            let next = port.checked_add(1).unwrap_or(port - 1);
            return Ok(if launcher == Launcher::Torchrun { next } else { port });
        }
        match launcher {
            Launcher::Torchrun => Err(missing(
                launcher,
                &Value { flag: "--master-port", variables: &["MASTER_PORT"] },
            )),
            Launcher::Slurm => Ok(self.job_port(&["SLURM_JOB_ID", "SLURM_STEP_ID"])),
            Launcher::OpenMpi => {
                let names =
                    ["PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "OMPI_MCA_orte_ess_jobid"];
                let first_set = names.iter().position(|name| self.get(name).is_some());
                Ok(first_set.map_or(DEFAULT_PORT, |at| self.job_port(&names[at..=at])))
            }
            Launcher::Flags => Ok(DEFAULT_PORT),
        }
    }

    /// A port that depends on the variables that identify a job.
    fn job_port(&self, names: &[&str]) -> u16 {
        let job: Vec<_> = names.iter().map(|name| self.get(name).unwrap_or_default()).collect();
        // FNV-1a: all ranks must compute the same, whatever compiler built them.
        let hash = job.join(".").bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        FIRST_DERIVED_PORT + (hash % u64::from(DERIVED_PORTS)) as u16
    }
}

fn missing(launcher: Launcher, value: &Value) -> LaunchProblem {
    let flag = value.flag;
    match value.variables.first() {
        Some(variable) => LaunchProblem::NoVariable { launcher, variable, flag },
        None => LaunchProblem::NoFlag { flag },
    }
}

fn valid_port(name: &'static str, text: &str) -> Result<u16, LaunchProblem> {
    let port = text.parse().ok().filter(|&port| port > 0);
    port.ok_or_else(|| LaunchProblem::Port { name, value: text.to_owned() })
}

#[cfg(test)]
mod tests;
