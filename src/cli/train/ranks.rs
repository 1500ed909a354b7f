//! A run on several GPUs, each with a process of its own (a rank), which a launcher has started.

use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::data;
use super::flags::Args;
use crate::cli::device::{AnyDevice, ChosenDevice, CpuOptions, open_device};
use crate::cli::display::{print_error, warn};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::signals::Signals;
use crate::data::{Dataset, Source};
use crate::device::cuda::nccl::{self, Communicator, UniqueId};
use crate::device::cuda::{Cuda, CudaOptions, probe};
use crate::device::{Device, DeviceChoice, Ranks};
use crate::gan::plan::Plan;
use crate::group::{Given, Group, Limits, Place};
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::train;
use crate::train::follower::follow;
use crate::train::ranks::loss_behind;
use crate::train::trainer::{Outcome, TrainingImages, build};

/// How long a rank may take to end by itself after another one is lost; and before it is connected, when it
/// may wait in NCCL.
const GRACE: Duration = Duration::from_secs(60);
const GRACE_BEFORE: Duration = Duration::from_secs(5);
/// How often NCCL is asked whether it has found an error.
const BETWEEN_CHECKS: Duration = Duration::from_secs(1);

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
    let group = Group::meet(&place, &version(), limits)?;
    let peers =
        Peers { group: Arc::new(group), place, communicator: Arc::default(), run: Arc::default() };
    peers.watch();
    let trained = match peers.place.rank {
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

/// The other ranks of the run.
pub(super) struct Peers {
    pub(super) group: Arc<Group>,
    place: Place,
    /// The connection of this rank's GPU with the others, once there is one.
    communicator: Arc<Mutex<Weak<Communicator>>>,
    /// The run, once rank 0 has its folder.
    run: Arc<OnceLock<RunDir>>,
}

impl Peers {
    /// A line about this rank.
    pub(super) fn describe(&self) -> String {
        let Place { rank, size, local_rank, address: (host, port), launcher } = &self.place;
        format!(
            "ranks     {size}, started by {launcher}; this is rank {rank}, local rank {local_rank}, \
             and listens at {host}:{port}"
        )
    }

    /// When another rank is lost, ends what waits for it; and at last the process.
    fn watch(&self) {
        let (rank, communicator) = (self.place.rank, Arc::clone(&self.communicator));
        let run = Arc::clone(&self.run);
        self.group.on_loss(move |error| {
            let connected = communicator.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            thread::sleep(match connected {
                None => GRACE_BEFORE,
                Some(communicator) => {
                    // It may wait for this process's main thread.
                    thread::spawn(move || communicator.abort());
                    GRACE
                }
            });
            print_error(&Error::Rank { rank, source: Box::new(error.clone().into()) });
            let newest =
                run.get().and_then(|run| Some(run.checkpoint(run.newest_checkpoint().ok()?)));
            warn(newest.map(|path| format!("the newest checkpoint is {}", path.display())));
            process::exit(1);
        });
    }

    /// The reason of an error before training: the loss of another rank, which ends all communication
    /// between GPUs, if that is what it comes from.
    fn cause(&self, error: Error) -> Error {
        let lost = match error.engine() {
            Some(
                crate::Error::Device(error) | crate::Error::Train(train::Error::Device(error)),
            ) => loss_behind(&self.group, error),
            _ => None,
        };
        lost.map_or(error, Error::from)
    }

    /// Remembers the run's folder.
    pub(super) fn begin(&self, run: &RunDir) {
        let _ = self.run.set(run.clone());
    }

    /// Tells the other ranks the configuration.
    pub(super) fn announce(&self, config: &Config, resumes: bool) -> Result<()> {
        let text = config.to_text()?.into_bytes();
        self.group.broadcast([&[u8::from(resumes)], text.as_slice()].concat())?;
        Ok(())
    }

    /// Rank 0's configuration, and whether it resumes a run.
    fn announced(&self) -> Result<(Config, bool)> {
        let bytes = self.group.broadcast(Vec::new())?;
        let (resumes, text) = bytes.split_first().unwrap_or((&0, &[]));
        let text = String::from_utf8_lossy(text);
        Ok((Config::from_text(Path::new("the configuration of rank 0"), &text)?, *resumes != 0))
    }

    /// Opens this rank's GPU, and connects it with the others.
    pub(super) fn open(&self, config: &Config, options: CudaOptions) -> Result<ChosenDevice> {
        self.check_batch_size(config)?;
        let choice = DeviceChoice::Cuda(self.gpu());
        let cpu = CpuOptions { threads: config.threads, conv: config.conv };
        let mut chosen = open_device(choice, options, cpu)?.supporting(config.conv)?;
        if let AnyDevice::Cuda(cuda) = &mut chosen.device {
            self.connect(cuda)?;
        }
        Ok(chosen)
    }

    /// The number of this rank's GPU: its local rank, unless it sees one GPU only. What a resumed run was
    /// trained on before does not matter.
    fn gpu(&self) -> usize {
        if probe::count().is_ok_and(|count| count == 1) { 0 } else { self.place.local_rank }
    }

    /// Checks that ranks which normalize separately have a batch each.
    fn check_batch_size(&self, config: &Config) -> Result<()> {
        let Place { rank, size, .. } = self.place;
        let (got, least) =
            (config.gan.batch_size, config.model()?.least_batch_of(Ranks { rank, size }));
        match got < least {
            true => refuse(
                "--batch-size",
                format!("is {got}, but {size} ranks with --local-batch-norm need {least} images"),
            ),
            false => Ok(()),
        }
    }

    fn connect(&self, cuda: &mut Cuda) -> Result<()> {
        let Place { rank, size, .. } = self.place;
        // Who waits in NCCL does not notice that another rank has failed, so all are ready before.
        Cuda::require_nccl()?;
        self.group.gather(Vec::new())?;
        let id = match rank {
            0 => self.group.broadcast(Cuda::unique_id()?.0.to_vec())?,
            _ => self.group.broadcast(Vec::new())?,
        };
        let mut unique = UniqueId::default();
        unique.0.iter_mut().zip(id).for_each(|(to, from)| *to = from);
        let communicator = cuda.connect(Ranks { rank, size }, unique)?;
        let weak = Arc::downgrade(&communicator);
        self.communicator.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&weak);
        if self.group.lost().is_some() {
            // Perhaps before it was known what to end.
            communicator.abort();
        }
        thread::spawn(move || check_regularly(&weak));
        Ok(())
    }

    /// Checks that all ranks have the same images.
    pub(super) fn check_images(&self, data: &Dataset) -> Result<()> {
        let own = data.checksum().to_le_bytes().to_vec();
        let all = self.group.gather(own.clone())?;
        match all.iter().position(|of_rank| *of_rank != own) {
            Some(rank) => Err(Error::OtherImages { rank, origin: data.origin.to_string() }),
            None => Ok(()),
        }
    }

    /// After all ranks have stopped: tells rank 0 which signal each has received, since perhaps only
    /// one has.
    pub(super) fn share_signal(&self, signals: &Signals) -> Result<()> {
        let received = self.group.gather(vec![signals.number()])?;
        let first = received.iter().flatten().find(|&&number| number > 0);
        first.iter().for_each(|&&number| signals.adopt(number));
        Ok(())
    }

    /// Tells the other ranks rank 0's exit code.
    fn tell(&self, code: u8) -> Result<u8> {
        self.group.broadcast(vec![code])?;
        Ok(code)
    }

    /// Ends the run together with the other ranks.
    fn leave(self) {
        let Self { group, .. } = self;
        if let Some(group) = Arc::into_inner(group) {
            group.leave();
        }
    }
}

/// Ends all communication when NCCL finds an error by itself.
fn check_regularly(communicator: &Weak<Communicator>) {
    while let Some(communicator) = communicator.upgrade() {
        if communicator.check().is_err() {
            return;
        }
        drop(communicator);
        thread::sleep(BETWEEN_CHECKS);
    }
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
