//! Rank 0's side of the meeting: listens for the other ranks, and answers those that connect.
//!
//! It listens during the whole run, so that a rank that is started twice is told so. Every
//! connection is answered in a thread of its own and with a time limit: whatever else connects,
//! such as a port scanner, delays nobody.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{debug, warn};

use super::connection::{attach, spawn};
use super::error::GroupError;
use super::members::Members;
use super::wire::{self, Frame, MAX_GREETING, PROTOCOL, Timed};

/// The time in which something that connects must say who it is.
const GREETING: Duration = Duration::from_secs(10);
/// How often to look for new connections while ranks are expected, and later.
const PAUSE: Duration = Duration::from_millis(10);
const LATER_PAUSE: Duration = Duration::from_millis(200);

/// Host and port, as they are written in an address.
pub fn shown((host, port): &(String, u16)) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Listens for other ranks. If the host is a name or an address of the loopback interface, only
/// this machine can connect. Otherwise rank 0 listens on all interfaces, because the name by which
/// others find it often resolves to another address here, such as 127.0.1.1.
///
/// # Errors
/// [`GroupError::Listen`]
pub fn listen(address: &(String, u16)) -> Result<Vec<TcpListener>, GroupError> {
    let (host, port) = (address.0.as_str(), address.1);
    let bound = if is_loopback(host) {
        (host, port).to_socket_addrs().and_then(|all| bind(all.collect(), false))
    } else {
        let all: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        bind(all.map(|any| SocketAddr::new(any, port)).into(), true)
    };
    bound.map_err(|source| GroupError::Listen { address: shown(address), source: source.into() })
}

/// Listens on all addresses that exist here, of which there must be one. A port that another
/// program uses on one of them is an error: ranks might reach that program. On many systems the
/// wildcard address of IPv6 includes that of IPv4, which is then in use by ourselves.
fn bind(addresses: BTreeSet<SocketAddr>, wildcard: bool) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    let mut problem = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses.into_iter().rev() {
        match TcpListener::bind(address) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                if listeners.is_empty() || !wildcard {
                    return Err(error);
                }
            }
            Err(error) => problem = error,
        }
    }
    if listeners.is_empty() { Err(problem) } else { Ok(listeners) }
}

fn is_loopback(host: &str) -> bool {
    host.parse().map_or_else(|_| host == "localhost", |address: IpAddr| address.is_loopback())
}

/// Answers what connects until it is dropped.
pub struct Door {
    /// Closed to end the thread.
    open: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    /// Begins to answer.
    ///
    /// # Errors
    /// [`GroupError::System`]
    pub fn open(
        members: &Arc<Members>,
        version: &str,
        listeners: Vec<TcpListener>,
    ) -> Result<Door, GroupError> {
        let prepared = listeners.iter().try_for_each(|listener| listener.set_nonblocking(true));
        prepared.map_err(GroupError::system("set options"))?;
        let (open, closed) = mpsc::channel();
        let porter = Porter { members: Arc::clone(members), version: version.to_owned() };
        let work = move || porter.run(&listeners, &closed);
        let thread = thread::Builder::new().name("ranks".to_owned()).spawn(work);
        let thread = thread.map_err(GroupError::system("start a thread"))?;
        Ok(Door { open: Some(open), thread: Some(thread) })
    }
}

impl Drop for Door {
    /// Afterwards, the port is free.
    fn drop(&mut self) {
        self.open = None;
        self.thread.take().map(JoinHandle::join);
    }
}

/// Decides who belongs to the group.
#[derive(Clone)]
struct Porter {
    members: Arc<Members>,
    version: String,
}

impl Porter {
    fn run(&self, listeners: &[TcpListener], closed: &Receiver<()>) {
        loop {
            let pause = if self.members.has_started() { LATER_PAUSE } else { PAUSE };
            if closed.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            for listener in listeners {
                while let Ok((stream, from)) = listener.accept() {
                    self.receive(stream, from);
                }
            }
        }
    }

    fn receive(&self, stream: TcpStream, from: SocketAddr) {
        let porter = self.clone();
        let answer = move || {
            if let Err(error) = porter.answer(stream, from) {
                debug!(%from, %error, "something that is no rank has connected");
            }
        };
        if let Err(error) = spawn("greeting".to_owned(), answer) {
            warn!(%from, %error, "cannot answer a connection");
        }
    }

    /// Answers one connection; an error if it is not from another gan-cuda.
    fn answer(&self, stream: TcpStream, from: SocketAddr) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(GREETING))?;
        let mut incoming = Timed::new(&stream, GREETING);
        let Some(protocol) = wire::read_preamble(&mut incoming)? else {
            return Err(ErrorKind::InvalidData.into());
        };
        wire::write_preamble(&mut &stream)?;
        if protocol != PROTOCOL {
            let who = format!("a rank at {}", from.ip());
            self.refuse(GroupError::OtherProtocol { who, protocol, own: PROTOCOL });
            return Ok(());
        }
        let frame = Frame::read(&mut incoming, MAX_GREETING)?;
        let Frame::Join { rank, size, version } = frame else {
            return Err(ErrorKind::InvalidData.into());
        };
        let own = (self.members.size, self.version.as_str());
        let admitted = compare(rank, (size, &version), own).and_then(|()| {
            let stream = stream.try_clone().map_err(GroupError::system("share"))?;
            attach(&self.members, rank, stream, Some(Frame::Welcome))
        });
        let Err(error) = admitted else {
            debug!(rank, %from, "joined");
            return Ok(());
        };
        debug!(rank, %from, %error, "refused");
        self.answer_with(&error).write(&mut &stream)?;
        self.refuse(error);
        Ok(())
    }

    fn answer_with(&self, error: &GroupError) -> Frame {
        match error {
            GroupError::OtherSize { .. }
            | GroupError::OtherVersion { .. }
            | GroupError::Twice { .. } => {
                Frame::Refused { size: self.members.size, version: self.version.clone() }
            }
            other => Frame::about(other),
        }
    }

    /// A rank that does not fit is the end of the meeting, unless it only came twice. Once all
    /// ranks have joined, it does not matter.
    fn refuse(&self, error: GroupError) {
        if !matches!(error, GroupError::Twice { .. }) && !self.members.has_started() {
            self.members.lose(error);
        }
    }
}

/// Compares number of ranks, and version, of a rank and of rank 0.
///
/// # Errors
/// [`GroupError::OtherSize`], [`GroupError::OtherVersion`]. A rank that does not exist, although
/// its number of ranks is right, counts as one that joined twice.
pub fn compare(
    rank: usize,
    (size, version): (usize, &str),
    (size_of_rank_0, version_of_rank_0): (usize, &str),
) -> Result<(), GroupError> {
    if size != size_of_rank_0 {
        return Err(GroupError::OtherSize { rank, size, size_of_rank_0 });
    }
    if version != version_of_rank_0 {
        let version_of_rank_0 = version_of_rank_0.to_owned();
        return Err(GroupError::OtherVersion {
            rank,
            version: version.to_owned(),
            version_of_rank_0,
        });
    }
    if rank < size { Ok(()) } else { Err(GroupError::Twice { rank }) }
}

#[cfg(test)]
mod tests;
