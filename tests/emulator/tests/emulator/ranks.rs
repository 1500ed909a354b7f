//! Several processes that communicate: a test that starts itself again for each rank.

use crate::common::{CHILD, Device, on_gpu, stand_ins};
use crate::nccl::{Communicator, Failure, UniqueId, unique_id};
use gan_cuda_emulator::FOLDER;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The variables that tell a process its rank, and the folder in which the ranks meet.
const RANK: &str = "GAN_CUDA_EMULATOR_TEST_RANK";
const MEETING: &str = "GAN_CUDA_EMULATOR_TEST_MEETING";

/// For how long a test may run.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(2);

/// The process of a rank.
pub struct Rank {
    pub rank: usize,
    pub ranks: usize,
    folder: PathBuf,
}

/// Runs `body` in a process for each rank. All must go well, except those that asked to be killed.
pub fn with_ranks(test: &str, ranks: usize, variables: &[(&str, &str)], body: impl FnOnce(&Rank)) {
    if let Some(rank) = std::env::var_os(RANK) {
        let rank = rank.to_str().unwrap().parse().unwrap();
        let folder = std::env::var_os(MEETING).unwrap().into();
        return body(&Rank { rank, ranks, folder });
    }
    if on_gpu() {
        return;
    }
    let name = test.replace("::", "-");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{ranks}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let children = (0..ranks).map(|rank| start(test, rank, &folder, variables)).collect();
    let ended = wait_for_all(children, &folder);
    let outputs = (0..ranks).map(|rank| fs::read_to_string(output(&folder, rank)).unwrap());
    let outputs: Vec<_> = outputs.collect();
    assert!(outputs.iter().all(|text| text.contains("running 1 test")), "no test {test}");
    assert!(ended, "{test}: {}", outputs.join("\n"));
    fs::remove_dir_all(&folder).unwrap();
}

fn output(folder: &Path, rank: usize) -> PathBuf {
    folder.join(format!("output-{rank}"))
}

fn start(test: &str, rank: usize, folder: &Path, variables: &[(&str, &str)]) -> Child {
    let file = File::create(output(folder, rank)).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "--nocapture", test]).env(CHILD, test).env(FOLDER, stand_ins());
    command.env(RANK, rank.to_string()).env(MEETING, folder).envs(variables.iter().copied());
    command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap()
}

/// Whether all processes have ended well, or have been killed as they asked.
fn wait_for_all(mut children: Vec<Child>, folder: &Path) -> bool {
    let start = Instant::now();
    let mut good = true;
    let mut running: Vec<_> = children.iter_mut().enumerate().collect();
    while !running.is_empty() {
        let late = start.elapsed() > PATIENCE;
        running.retain_mut(|(rank, child)| {
            let asked = folder.join(format!("kill-{rank}")).exists();
            if asked || late {
                child.kill().unwrap();
                child.wait().unwrap();
                fs::write(folder.join(format!("killed-{rank}")), "").unwrap();
                good &= asked;
                return false;
            }
            let status = child.try_wait().unwrap();
            good &= status.is_none_or(|status| status.success());
            status.is_none()
        });
        sleep(PAUSE);
    }
    good
}

impl Rank {
    /// A device of this rank only.
    pub fn device(&self, number: usize) -> Device {
        const OF_EACH: usize = 20;
        assert!(number < OF_EACH);
        Device::numbered(self.rank * OF_EACH + number)
    }

    /// Joins a communicator of all ranks, with the current context.
    pub fn join(&self, name: &str) -> Communicator {
        self.try_to_join(name, self.rank, self.ranks).unwrap()
    }

    /// Joins a communicator; the process with rank 0 invites.
    pub fn try_to_join(
        &self,
        name: &str,
        rank: usize,
        ranks: usize,
    ) -> Result<Communicator, Failure> {
        Communicator::new(self.id(name), rank, ranks)
    }

    /// The ID of this name, which the first process makes.
    pub fn id(&self, name: &str) -> UniqueId {
        if self.rank == 0 {
            let id = unique_id();
            self.tell(name, &id.0);
            return id;
        }
        UniqueId(self.ask(name).try_into().unwrap())
    }

    /// Tells all ranks something.
    pub fn tell(&self, name: &str, content: &[u8]) {
        let part = self.folder.join(format!("{name}.part"));
        fs::write(&part, content).unwrap();
        fs::rename(part, self.folder.join(name)).unwrap();
    }

    /// What some rank has told, or will tell.
    pub fn ask(&self, name: &str) -> Vec<u8> {
        let path = self.folder.join(name);
        while !path.exists() {
            sleep(PAUSE);
        }
        fs::read(path).unwrap()
    }

    /// Ends this process like SIGKILL does, which it is.
    pub fn be_killed(&self) -> ! {
        self.tell(&format!("kill-{}", self.rank), &[]);
        loop {
            sleep(PAUSE);
        }
    }

    /// Waits for the end of a rank that is killed.
    pub fn wait_for_death(&self, rank: usize) {
        self.ask(&format!("killed-{rank}"));
    }
}
