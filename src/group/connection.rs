//! The threads of a connection to another rank: one that sends, one that receives.

use std::io::{self, BufReader, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::error::{GroupError, Loss};
use super::members::Members;
use super::outgoing::Outgoing;
use super::wire::{Frame, MAX_PAYLOAD};

/// Adds a rank with its connection to the group; `first` is sent to it before anything else.
///
/// # Errors
/// Those of [`Members::admit`], and [`GroupError::System`].
pub fn attach(
    members: &Arc<Members>,
    rank: usize,
    stream: TcpStream,
    first: Option<Frame>,
) -> Result<(), GroupError> {
    let silence = members.limits.silence.max(Duration::from_millis(1));
    let prepare = || -> io::Result<_> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(silence))?;
        stream.set_write_timeout(Some(silence))?;
        Outgoing::new(&stream)
    };
    let (outgoing, queue) = prepare().map_err(GroupError::system("set options"))?;
    first.into_iter().for_each(|frame| outgoing.send(frame));
    members.admit(rank, outgoing)?;
    spawn(format!("to rank {rank}"), move || queue.run(silence / 4))?;
    let members = Arc::clone(members);
    spawn(format!("from rank {rank}"), move || receive(&members, rank, stream, silence))
}

/// Starts a thread.
pub fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<(), GroupError> {
    let started = thread::Builder::new().name(name).spawn(work);
    started.map(drop).map_err(GroupError::system("start a thread"))
}

/// Hands everything that a rank sends to the group, until its connection ends.
fn receive(members: &Arc<Members>, rank: usize, stream: TcpStream, silence: Duration) {
    let mut from = BufReader::new(stream);
    let end = loop {
        let frame = match Frame::read(&mut from, MAX_PAYLOAD) {
            Ok(frame) => frame,
            Err(error) => break loss(&error, silence),
        };
        if let Err(loss) = members.handle(rank, frame) {
            break loss;
        }
    };
    members.ended(rank, end);
}

fn loss(error: &io::Error, silence: Duration) -> Loss {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Loss::Silent(silence),
        ErrorKind::InvalidData => Loss::Garbled(error.to_string()),
        _ => Loss::Closed,
    }
}
