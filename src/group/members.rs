//! What one rank knows about the others: who has joined, what came from them, who is lost.

use std::collections::VecDeque;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{debug, error};

use super::error::{GroupError, Loss};
use super::outgoing::Outgoing;
use super::wire::Frame;

/// How long news of a failure may take to be sent. More time would only pass if a rank that does
/// not read has lots of data to receive.
const FLUSH: Duration = Duration::from_secs(2);

/// How long to wait for other ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The time in which all ranks must join.
    pub join: Duration,
    /// A rank from which nothing comes for this long is lost.
    pub silence: Duration,
}

impl Default for Limits {
    /// 300 s to join: ranks may start on busy hosts, from slow file systems. 20 s of silence.
    fn default() -> Limits {
        Limits { join: Duration::from_secs(300), silence: Duration::from_secs(20) }
    }
}

/// The ranks of a group, as one of them sees them.
pub struct Members {
    /// The own rank.
    pub rank: usize,
    /// The number of ranks.
    pub size: usize,
    /// Limits of waiting.
    pub limits: Limits,
    state: Mutex<State>,
    changed: Condvar,
}

/// What to do after a loss.
type Action = Box<dyn FnOnce(&GroupError) + Send>;

struct State {
    /// Connected ranks: at rank 0 all others, elsewhere only rank 0.
    peers: Vec<Option<Peer>>,
    /// All ranks have joined.
    started: bool,
    /// This rank leaves in order.
    leaving: bool,
    loss: Option<GroupError>,
    actions: Vec<Action>,
}

struct Peer {
    outgoing: Outgoing,
    /// Messages that nobody has asked for yet.
    inbox: VecDeque<Vec<u8>>,
    /// It leaves in order: nothing more comes.
    left: bool,
    /// Its connection has ended.
    gone: bool,
}

impl State {
    fn peers(&self) -> impl Iterator<Item = (usize, &Peer)> {
        self.peers.iter().enumerate().filter_map(|(rank, peer)| Some((rank, peer.as_ref()?)))
    }

    fn send_all(&self, frame: &Frame) {
        self.peers().for_each(|(_, peer)| peer.outgoing.send(frame.clone()));
    }

    /// A rank whose next message will never come.
    fn finished(&self) -> Option<usize> {
        let is_finished = |peer: &Peer| peer.inbox.is_empty() && (peer.left || peer.gone);
        self.peers().find(|(_, peer)| is_finished(peer)).map(|(rank, _)| rank)
    }
}

impl Members {
    /// A group of which only this rank is known.
    pub fn new(rank: usize, size: usize, limits: Limits) -> Arc<Members> {
        let peers = (0..size).map(|_| None).collect();
        let (started, leaving) = (size == 1, false);
        let state = State { peers, started, leaving, loss: None, actions: vec![] };
        Arc::new(Members { rank, size, limits, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Adds a rank that has connected.
    ///
    /// # Errors
    /// [`GroupError::Twice`], or the loss because of which nobody can join any more.
    pub fn admit(&self, rank: usize, outgoing: Outgoing) -> Result<(), GroupError> {
        let mut state = self.lock();
        if let Some(loss) = &state.loss {
            return Err(loss.clone());
        }
        if rank == self.rank || state.peers[rank].is_some() {
            return Err(GroupError::Twice { rank });
        }
        let inbox = VecDeque::new();
        state.peers[rank] = Some(Peer { outgoing, inbox, left: false, gone: false });
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// At rank 0: waits until all ranks have joined, and tells them.
    pub fn wait_for_all(&self) -> Result<(), GroupError> {
        let limit = self.limits.join;
        let missing = |state: &State| -> Vec<usize> {
            (0..self.size).filter(|&r| r != self.rank && state.peers[r].is_none()).collect()
        };
        let state = self.lock();
        let waits = |state: &mut State| state.loss.is_none() && !missing(state).is_empty();
        let waited = self.changed.wait_timeout_while(state, limit, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if let Some(loss) = &state.loss {
            return Err(loss.clone());
        }
        let ranks = missing(&state);
        if !ranks.is_empty() {
            return Err(GroupError::Missing { ranks, limit });
        }
        state.started = true;
        state.send_all(&Frame::Start);
        Ok(())
    }

    /// At other ranks: waits until rank 0 says that all have joined. Rank 0 limits the time.
    pub fn wait_for_start(&self) -> Result<(), GroupError> {
        let waits = |s: &mut State| !s.started && s.loss.is_none() && s.finished().is_none();
        let state = self.changed.wait_while(self.lock(), waits);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        match &state.loss {
            Some(loss) => Err(loss.clone()),
            None if state.started => Ok(()),
            None => Err(GroupError::Lost { rank: 0, how: Loss::Left }),
        }
    }

    /// Whether all ranks have joined.
    pub fn has_started(&self) -> bool {
        self.lock().started
    }

    /// The loss or failure, if there was one.
    pub fn loss(&self) -> Option<GroupError> {
        self.lock().loss.clone()
    }

    /// Sends a message to all connected ranks.
    pub fn send(&self, data: Arc<Vec<u8>>) -> Result<(), GroupError> {
        let state = self.lock();
        state.loss.clone().map_or(Ok(()), Err)?;
        state.send_all(&Frame::Data(data));
        Ok(())
    }

    /// Waits for the next message of every connected rank; in the order of ranks.
    pub fn receive(self: &Arc<Self>) -> Result<Vec<Vec<u8>>, GroupError> {
        let waits = |state: &mut State| {
            let is_incomplete = state.peers().any(|(_, peer)| peer.inbox.is_empty());
            state.loss.is_none() && is_incomplete && state.finished().is_none()
        };
        let state = self.changed.wait_while(self.lock(), waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.loss.clone().map_or(Ok(()), Err)?;
        if let Some(rank) = state.finished() {
            drop(state);
            let left = GroupError::Lost { rank, how: Loss::Left };
            self.lose(left.clone());
            return Err(left);
        }
        let peers = state.peers.iter_mut().flatten();
        Ok(peers.filter_map(|peer| peer.inbox.pop_front()).collect())
    }

    /// A frame came from a rank.
    ///
    /// # Errors
    /// If a rank does not send such a frame.
    pub fn handle(self: &Arc<Self>, rank: usize, frame: Frame) -> Result<(), Loss> {
        match frame {
            Frame::Alive => return Ok(()),
            Frame::Failed { rank, reason } => self.lose(GroupError::Failed { rank, reason }),
            Frame::Lost { rank, how } => self.lose(GroupError::Lost { rank, how }),
            Frame::Start if self.rank != 0 => self.lock().started = true,
            Frame::Data(data) => self.update(rank, |peer| {
                peer.inbox.push_back(Arc::unwrap_or_clone(data));
            }),
            Frame::Leave => self.update(rank, |peer| peer.left = true),
            Frame::Start | Frame::Join { .. } | Frame::Welcome | Frame::Refused { .. } => {
                return Err(Loss::Garbled("a message out of place".to_owned()));
            }
        }
        self.changed.notify_all();
        Ok(())
    }

    fn update(&self, rank: usize, change: impl FnOnce(&mut Peer)) {
        if let Some(peer) = &mut self.lock().peers[rank] {
            change(peer);
        }
    }

    /// Nothing more comes from a rank, which is a loss unless it, or this one, leaves in order.
    pub fn ended(self: &Arc<Self>, rank: usize, how: Loss) {
        let state = self.lock();
        let in_order = state.leaving || state.peers[rank].as_ref().is_some_and(|peer| peer.left);
        drop(state);
        if !in_order {
            self.lose(GroupError::Lost { rank, how });
        }
        self.update(rank, |peer| {
            peer.gone = true;
            // After the news of the loss, which a rank that was only silent can still read.
            peer.outgoing.close();
        });
        self.changed.notify_all();
    }

    /// Records the loss or failure of a rank, of which only the first counts; rank 0 tells all
    /// others.
    pub fn lose(self: &Arc<Self>, loss: GroupError) {
        let mut state = self.lock();
        if state.loss.is_some() {
            return;
        }
        debug!(error = %loss, "the group has ended");
        if self.rank == 0 {
            state.send_all(&Frame::about(&loss));
        }
        state.loss = Some(loss.clone());
        let actions = std::mem::take(&mut state.actions);
        drop(state);
        self.changed.notify_all();
        actions.into_iter().for_each(|action| self.start(action, loss.clone()));
    }

    /// Calls `action` after the loss or failure of another rank.
    pub fn on_loss(self: &Arc<Self>, action: Action) {
        let mut state = self.lock();
        match state.loss.clone() {
            None => state.actions.push(action),
            Some(GroupError::Failed { rank, .. }) if rank == self.rank => {}
            Some(loss) => {
                drop(state);
                self.start(action, loss);
            }
        }
    }

    /// The action may end the process, so the news of the loss goes first.
    fn start(self: &Arc<Self>, action: Action, loss: GroupError) {
        let members = Arc::clone(self);
        let work = move || {
            members.flush();
            action(&loss);
        };
        if let Err(problem) = thread::Builder::new().name("loss".to_owned()).spawn(work) {
            error!(error = %problem, "cannot start a thread to handle the loss of a rank");
        }
    }

    /// This rank has failed: tells the others, unless one of them failed before.
    pub fn fail(&self, reason: &str) {
        let mut state = self.lock();
        if state.loss.is_none() {
            let failure = GroupError::Failed { rank: self.rank, reason: reason.to_owned() };
            state.send_all(&Frame::about(&failure));
            state.loss = Some(failure);
        }
        drop(state);
        self.changed.notify_all();
        self.flush();
    }

    /// Waits until everything has been sent, for a limited time.
    fn flush(&self) {
        let begin = Instant::now();
        let sent: Vec<_> = self.lock().peers().map(|(_, peer)| peer.outgoing.flush()).collect();
        for sent in sent {
            let left = FLUSH.saturating_sub(begin.elapsed());
            if sent.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                debug!("a rank does not read what it is told");
            }
        }
    }

    /// From now on the end of a connection is no loss. Waits until the others leave, too.
    pub fn leave(&self, limit: Duration) {
        let mut state = self.lock();
        state.leaving = true;
        state.send_all(&Frame::Leave);
        // Rank 0 closes the connections when all have left.
        let is_done = |peer: &Peer| peer.gone || (self.rank == 0 && peer.left);
        let waits = |s: &mut State| s.loss.is_none() && !s.peers().all(|(_, peer)| is_done(peer));
        drop(self.changed.wait_timeout_while(state, limit, waits));
    }

    /// Whether [`Members::leave`] was called.
    pub fn is_leaving(&self) -> bool {
        self.lock().leaving
    }

    /// Closes all connections. First waits for a moment until the others have read everything and
    /// close their side: the end of a process might otherwise discard what is under way.
    pub fn close(&self, limit: Duration) {
        let state = self.lock();
        state.peers().for_each(|(_, peer)| peer.outgoing.close());
        let waits = |state: &mut State| state.peers().any(|(_, peer)| !peer.gone);
        drop(self.changed.wait_timeout_while(state, limit, waits));
        self.cut();
    }

    /// Ends all connections at once.
    pub fn cut(&self) {
        self.lock().peers().for_each(|(_, peer)| peer.outgoing.cut());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
