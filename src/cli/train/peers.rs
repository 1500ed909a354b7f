//! The other ranks of a run: their connections with this one, of processes and of GPUs.

use std::path::Path;
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::cli::device::{AnyDevice, ChosenDevice, CpuOptions, open_device};
use crate::cli::display::{print_error, warn};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::signals::Signals;
use crate::data::Dataset;
use crate::device::cuda::nccl::{Communicator, UniqueId};
use crate::device::cuda::{Cuda, CudaOptions, probe};
use crate::device::{DeviceChoice, Ranks};
use crate::group::{Group, Place};
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::train;
use crate::train::ranks::loss_behind;

/// How long a rank may take to end by itself after another one is lost; and before it is connected, when it
/// may wait in NCCL.
const GRACE: Duration = Duration::from_secs(60);
const GRACE_BEFORE: Duration = Duration::from_secs(5);
/// How often NCCL is asked whether it has found an error.
const BETWEEN_CHECKS: Duration = Duration::from_secs(1);

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
    /// The ranks of a group that has met. If one of them is lost, this process ends.
    pub(super) fn new(group: Group, place: Place) -> Self {
        let group = Arc::new(group);
        let peers = Self { group, place, communicator: Arc::default(), run: Arc::default() };
        peers.watch();
        peers
    }

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
    pub(super) fn cause(&self, error: Error) -> Error {
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
    pub(super) fn announced(&self) -> Result<(Config, bool)> {
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
    pub(super) fn tell(&self, code: u8) -> Result<u8> {
        self.group.broadcast(vec![code])?;
        Ok(code)
    }

    /// Ends the run together with the other ranks.
    pub(super) fn leave(self) {
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
