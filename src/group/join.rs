//! The other ranks' side of the meeting: connects to rank 0, which may start later.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use tracing::debug;

use super::error::GroupError;
use super::host::{compare, shown};
use super::launch::Place;
use super::wire::{self, Frame, MAX_GREETING, PROTOCOL, Timed};

/// The time in which one address must accept a connection; then the next one is tried.
const CONNECT: Duration = Duration::from_secs(5);
/// The time in which rank 0 must answer; it does so at once, unless its host is very busy.
const ANSWER: Duration = Duration::from_secs(30);
/// Pauses between attempts, which become longer: ranks start at about the same time, or much later.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why there is no connection.
enum Problem {
    /// Rank 0 may not listen yet.
    NotYet(io::Error),
    /// Trying again would not help.
    Final(GroupError),
    /// Another program answers. Another address may be that of rank 0.
    Foreign,
}

/// Connects to rank 0, which welcomes this rank. Tries again until the time is over.
///
/// # Errors
/// If rank 0 cannot be found, or if it refuses this rank.
pub fn join(place: &Place, version: &str, limit: Duration) -> Result<TcpStream, GroupError> {
    let address = shown(&place.address);
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let left = || limit.saturating_sub(begin.elapsed());
        let source = match try_all(place, version, &left) {
            Ok(stream) => return Ok(stream),
            Err(Problem::Final(error)) => return Err(error),
            Err(Problem::Foreign) => return Err(GroupError::Foreign { address }),
            Err(Problem::NotYet(source)) => source,
        };
        debug!(address, error = %source, "rank 0 does not answer yet");
        if left() <= pause {
            return Err(GroupError::Unreachable { address, limit, source: source.into() });
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tries every address of rank 0's host once.
fn try_all(
    place: &Place,
    version: &str,
    left: &dyn Fn() -> Duration,
) -> Result<TcpStream, Problem> {
    let (host, port) = (place.address.0.as_str(), place.address.1);
    let addresses = (host, port).to_socket_addrs().map_err(Problem::NotYet)?;
    let mut problem = Problem::NotYet(io::Error::other("the host has no address"));
    for address in addresses {
        match try_one(address, place, version, left) {
            Err(Problem::NotYet(error)) if !matches!(problem, Problem::Foreign) => {
                problem = Problem::NotYet(error);
            }
            Err(Problem::NotYet(_)) => {}
            Err(Problem::Foreign) => problem = Problem::Foreign,
            decided => return decided,
        }
    }
    Err(problem)
}

fn try_one(
    address: SocketAddr,
    place: &Place,
    version: &str,
    left: &dyn Fn() -> Duration,
) -> Result<TcpStream, Problem> {
    let at_least = Duration::from_millis(1);
    let limit = left().min(CONNECT).max(at_least);
    let stream = TcpStream::connect_timeout(&address, limit).map_err(Problem::NotYet)?;
    // Without a listener, the system may connect a port of this machine to itself.
    if stream.local_addr().ok() == Some(address) {
        return Err(Problem::NotYet(io::ErrorKind::ConnectionRefused.into()));
    }
    let answer = greet(&stream, place, version, left().min(ANSWER).max(at_least));
    let answer = answer.map_err(|error| {
        let text = format!("what listens there does not answer like gan-cuda: {error}");
        Problem::NotYet(io::Error::new(error.kind(), text))
    })?;
    judge(answer, place.rank, (place.size, version)).map(|()| stream)
}

/// The first words of rank 0.
enum Answer {
    Foreign,
    Protocol(u32),
    Frame(Frame),
}

/// Says who this rank is, and reads the answer.
fn greet(
    mut stream: &TcpStream,
    place: &Place,
    version: &str,
    limit: Duration,
) -> io::Result<Answer> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(limit))?;
    wire::write_preamble(&mut stream)?;
    let version = version.to_owned();
    Frame::Join { rank: place.rank, size: place.size, version }.write(&mut stream)?;
    let mut incoming = Timed::new(stream, limit);
    match wire::read_preamble(&mut incoming)? {
        None => Ok(Answer::Foreign),
        Some(PROTOCOL) => Frame::read(&mut incoming, MAX_GREETING).map(Answer::Frame),
        Some(other) => Ok(Answer::Protocol(other)),
    }
}

fn judge(answer: Answer, rank: usize, own: (usize, &str)) -> Result<(), Problem> {
    let error = match answer {
        Answer::Frame(Frame::Welcome) => return Ok(()),
        Answer::Frame(Frame::Refused { size, version }) => {
            let difference = compare(rank, own, (size, &version));
            difference.err().unwrap_or(GroupError::Twice { rank })
        }
        Answer::Frame(Frame::Failed { rank, reason }) => GroupError::Failed { rank, reason },
        Answer::Frame(Frame::Lost { rank, how }) => GroupError::Lost { rank, how },
        Answer::Protocol(protocol) => {
            GroupError::OtherProtocol { who: "rank 0".to_owned(), protocol, own: PROTOCOL }
        }
        Answer::Foreign | Answer::Frame(_) => return Err(Problem::Foreign),
    };
    Err(Problem::Final(error))
}
