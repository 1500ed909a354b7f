//! A run on several GPUs, each with a process of its own (a rank), which a launcher has started.

use super::data;
use super::flags::Args;
use super::peers::Peers;
use crate::cli::device::{AnyDevice, ChosenDevice};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::signals::Signals;
use crate::data::Source;
use crate::device::cuda::nccl;
use crate::device::{Device, DeviceChoice};
use crate::gan::plan::Plan;
use crate::group::{Given, Group, Limits, Place};
use crate::run::config::Config;
use crate::train::follower::follow;
use crate::train::trainer::{Outcome, TrainingImages, build};

const NO_CPU: &str =
    "is cpu, but several ranks need a GPU each; one process uses all cores of a CPU";

/// This process's place among the ranks of a run, if there are several.
pub(super) fn place(args: &Args) -> Result<Option<Place>> {
    let ranks = &args.ranks;
    let given = Given {
        rank: ranks.rank,
        world_size: ranks.world_size,
        local_rank: ranks.local_rank,
        master_addr: ranks.master_addr.clone(),
        master_port: ranks.master_port,
    };
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Ok(Place::find(&given, &variable)?.filter(|place| place.size > 1))
}

/// Trains one run, perhaps as rank 0 of several, and returns the exit code.
type Train = fn(&Args, Option<&Peers>) -> Result<u8>;

/// Trains as one of several ranks, and returns the exit code; rank 0 by `lead`.
pub(super) fn run(args: Args, place: Place, lead: Train) -> Result<u8> {
    let rank = place.rank;
    train(args, place, lead).map_err(|error| Error::Rank { rank, source: Box::new(error) })
}

fn train(args: Args, place: Place, lead: Train) -> Result<u8> {
    refuse_flags(&args)?;
    match (args.dry_run, place.rank) {
        (true, 0) => return lead(&args, None),
        (true, _) => return Ok(0),
        _ => {}
    }
    nccl::prefer_fixed_order();
    let limits = Limits { join: args.ranks.join_timeout(), ..Limits::default() };
    let rank = place.rank;
    let peers = Peers::new(Group::meet(&place, &version(), limits)?, place);
    let trained = match rank {
        0 => lead(&args, Some(&peers)).and_then(|code| peers.tell(code)),
        _ => follow_leader(&args.quiet(), &peers),
    };
    let trained = trained.map_err(|error| peers.cause(error));
    match &trained {
        Err(error) => peers.group.fail(&error.lines().join("\n")),
        Ok(_) => peers.leave(),
    }
    trained
}

/// Refuses what several ranks cannot do, before they wait for each other.
fn refuse_flags(args: &Args) -> Result<()> {
    if args.is_set() {
        return refuse(
            "--seeds",
            "and --sweep train several runs, which one process does; omit them",
        );
    }
    match args.length.device {
        Some(DeviceChoice::Cpu) => refuse("--device", NO_CPU),
        Some(DeviceChoice::Cuda(number)) if number > 0 => refuse(
            "--device",
            format!(
                "is cuda:{number}, but the local rank says which GPU a rank uses; omit it, or give \
                 --local-rank"
            ),
        ),
        _ => Ok(()),
    }
}

/// The version of the program and a checksum of its file, which all ranks must share.
fn version() -> String {
    let program = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    format!("{}, build {:08x}", env!("CARGO_PKG_VERSION"), crc32fast::hash(&program))
}

/// Another rank has no run folder, and prints nothing.
fn follow_leader(args: &Args, peers: &Peers) -> Result<u8> {
    let signals = Signals::default();
    signals.listen()?;
    let (leaders, resumes) = peers.announced()?;
    if resumes != args.output.resume.is_some() {
        let given =
            if resumes { "is missing here, but rank 0 has it" } else { "is not given to rank 0" };
        return refuse("--resume", format!("{given}; start all ranks with the same arguments"));
    }
    let mut config = if resumes { args.config_of_run(&leaders)? } else { args.config()? };
    if !resumes {
        data::fit(args, &mut config)?;
    }
    if let Some(key) = config.rank_difference(&leaders)? {
        return Err(Error::OtherConfig { key });
    }
    let ChosenDevice { device, .. } = super::open(args, &config, Some(peers))?;
    match device {
        AnyDevice::Cpu(cpu) => follow_on(args, peers, (config, &leaders), cpu, &signals),
        AnyDevice::Cuda(cuda) => follow_on(args, peers, (config, &leaders), *cuda, &signals),
    }
}

fn follow_on(
    args: &Args,
    peers: &Peers,
    (mut config, leaders): (Config, &Config),
    device: impl Device,
    signals: &Signals,
) -> Result<u8> {
    if let Source::Folder(_) = config.dataset()? {
        Plan::fitting(&device, &config.model()?, 0)?;
    }
    let data = match args.output.resume {
        None => data::find(args, &mut config)?,
        Some(_) => data::find_again(args, &mut config, leaders)?,
    };
    peers.check_images(&data)?;
    // It is kept until rank 0 has ended: it would take a GPU that is gone for a failure.
    let (mut gan, images) = build(&config, device, TrainingImages::of(&data))?;
    // The device has its own copy.
    drop(data);
    if follow(&config, &mut gan, images, &peers.group, &signals.received)? == Outcome::Stopped {
        peers.share_signal(signals)?;
    }
    let code = peers.group.broadcast(Vec::new())?;
    Ok(code.first().copied().unwrap_or(0))
}
