//! The processes of one run, called ranks: how many there are, and what they tell each other.
//!
//! A launcher (torchrun, srun, mpirun) starts them; [`Place`] is what it tells each of them.
//! [`Group`] connects them over TCP: rank 0 with every other one. Over it they agree on small
//! things, and each learns within seconds when another one has failed or is gone. It carries no
//! data of a GPU. Whoever can connect to rank 0's port can claim to be a rank: the network between
//! the hosts of a run must be trusted, as launchers expect, too.
//!
//! | module | holds |
//! |---|---|
//! | `launch`, `launcher`, `nodelist` | the variables of launchers |
//! | `host`, `join` | the meeting: rank 0 listens, the others connect |
//! | `members` | who is there, what came from whom, who is lost |
//! | `connection`, `outgoing` | the threads of a connection |
//! | `wire` | the bytes on a connection |

mod connection;
mod error;
mod host;
mod join;
mod launch;
mod launcher;
mod members;
mod nodelist;
mod outgoing;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt::{self, Debug, Formatter};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use error::{GroupError, LaunchProblem, Loss};
pub use launch::{Given, Place};
pub use launcher::Launcher;
pub use members::Limits;

use connection::attach;
use host::{Door, listen};
use members::Members;
use wire::MAX_PAYLOAD;

use crate::text::with_causes;

/// How long a rank that leaves waits for the others.
const LEAVE: Duration = Duration::from_secs(10);
/// How often a loss is looked for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// How long the end of a connection waits for the other side.
const CLOSE: Duration = Duration::from_secs(1);

/// The connected ranks of a run.
///
/// All ranks must call [`gather`](Group::gather) and [`broadcast`](Group::broadcast) in the same
/// order. A group that is dropped before [`leave`](Group::leave) or [`fail`](Group::fail) tells the
/// others that this rank failed.
pub struct Group {
    members: Arc<Members>,
    /// At rank 0 of several.
    door: Option<Door>,
}

impl Group {
    /// Connects the ranks of a run: rank 0 listens at `place.address`, all others connect to it,
    /// and try again until `limits.join` is over. `version` (version and build of the program)
    /// must be the same everywhere.
    ///
    /// If the address is `localhost` or one of the loopback interface, rank 0 listens only there,
    /// otherwise on all interfaces, because the name by which others find a host often resolves to
    /// another address on that host itself. It listens during the whole run, to tell a rank that is
    /// started a second time that it was.
    ///
    /// # Errors
    /// If not all ranks join, if they differ in version or in the number of ranks, and if one of
    /// them is lost meanwhile.
    pub fn meet(place: &Place, version: &str, limits: Limits) -> Result<Group, GroupError> {
        assert!(place.rank < place.size, "rank {} of {}", place.rank, place.size);
        if place.size == 1 {
            return Ok(Group { members: Members::new(0, 1, limits), door: None });
        }
        if place.rank == 0 {
            return Group::host(place.size, version, limits, listen(&place.address)?);
        }
        let stream = join::join(place, version, limits.join)?;
        let group = Group { members: Members::new(place.rank, place.size, limits), door: None };
        attach(&group.members, 0, stream, None)?;
        group.members.wait_for_start()?;
        Ok(group)
    }

    /// The group of rank 0.
    fn host(
        size: usize,
        version: &str,
        limits: Limits,
        listeners: Vec<TcpListener>,
    ) -> Result<Group, GroupError> {
        let members = Members::new(0, size, limits);
        let door = Door::open(&members, version, listeners)?;
        let group = Group { members, door: Some(door) };
        if let Err(error) = group.members.wait_for_all() {
            group.members.fail(&with_causes(&error));
            return Err(error);
        }
        Ok(group)
    }

    /// The number of this rank.
    pub fn rank(&self) -> usize {
        self.members.rank
    }

    /// The number of ranks.
    pub fn size(&self) -> usize {
        self.members.size
    }

    /// At rank 0: every rank's bytes, in the order of ranks. Elsewhere: nothing, without waiting
    /// for the others.
    ///
    /// # Errors
    /// If a rank is lost or has failed, or if there are too many bytes (more than 256 MiB).
    pub fn gather(&self, own: Vec<u8>) -> Result<Vec<Vec<u8>>, GroupError> {
        if self.rank() != 0 {
            return self.send(Arc::new(own)).map(|()| vec![]);
        }
        let mut all = self.members.receive()?;
        all.insert(0, own);
        Ok(all)
    }

    /// Rank 0's bytes, at every rank. Those of other ranks are ignored.
    ///
    /// # Errors
    /// If a rank is lost or has failed, or if there are too many bytes (more than 256 MiB).
    pub fn broadcast(&self, of_rank_0: Vec<u8>) -> Result<Vec<u8>, GroupError> {
        if self.rank() != 0 {
            return Ok(self.members.receive()?.pop().unwrap_or_default());
        }
        let data = Arc::new(of_rank_0);
        self.send(Arc::clone(&data))?;
        Ok(Arc::unwrap_or_clone(data))
    }

    fn send(&self, data: Arc<Vec<u8>>) -> Result<(), GroupError> {
        if data.len() > MAX_PAYLOAD {
            return Err(GroupError::TooLarge { size: data.len(), limit: MAX_PAYLOAD });
        }
        self.members.send(data)
    }

    /// Tells all others that this rank failed, and why, unless another one failed before. Pending
    /// and later calls then return the failure, at all ranks.
    pub fn fail(&self, reason: &str) {
        self.members.fail(reason);
    }

    /// Calls `action` once, in a thread of its own, as soon as another rank is lost or has failed,
    /// also if that has happened already. [`Group::fail`] does not call it at its own rank. Rank 0
    /// tells the others about the loss before, so the action may end the process.
    pub fn on_loss(&self, action: impl FnOnce(&GroupError) + Send + 'static) {
        self.members.on_loss(Box::new(action));
    }

    /// The loss or failure, if there was one.
    pub fn lost(&self) -> Option<GroupError> {
        self.members.loss()
    }

    /// The same, waiting for it for some time: other signs of a loss may come first.
    pub fn lost_within(&self, limit: Duration) -> Option<GroupError> {
        let begun = Instant::now();
        loop {
            let lost = self.lost();
            if lost.is_some() || begun.elapsed() >= limit {
                return lost;
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Leaves in order: from now on a closed connection is no loss. Waits until all others leave,
    /// too, at most ten seconds.
    pub fn leave(self) {
        self.members.leave(LEAVE);
    }
}

impl Debug for Group {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Group");
        debug.field("rank", &self.rank()).field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.members.is_leaving() {
            self.members.fail("it ended early");
        }
        self.members.close(CLOSE);
        // Only now, so that a late rank is answered as long as possible.
        self.door = None;
    }
}
