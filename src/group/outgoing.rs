//! Sends frames to one rank, in a thread of its own: a rank that does not read makes no caller
//! wait, nor the frames to other ranks.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::wire::Frame;

/// The sending side of a connection.
pub struct Outgoing {
    orders: Sender<Order>,
    stream: TcpStream,
}

/// What remains to be sent.
pub struct Queue {
    orders: Receiver<Order>,
    stream: TcpStream,
}

enum Order {
    Send(Frame),
    /// Everything before it has been sent once this is dropped.
    Flush(#[expect(dead_code, reason = "dropped, not used")] Sender<()>),
    Close,
}

impl Outgoing {
    /// The sending side of `stream`. Nothing is sent before the queue is run.
    pub fn new(stream: &TcpStream) -> io::Result<(Outgoing, Queue)> {
        let (sender, receiver) = mpsc::channel();
        let outgoing = Outgoing { orders: sender, stream: stream.try_clone()? };
        Ok((outgoing, Queue { orders: receiver, stream: stream.try_clone()? }))
    }

    /// Sends a frame, if the connection still exists: the loss of a connection is noticed by its
    /// reader.
    pub fn send(&self, frame: Frame) {
        let _ = self.orders.send(Order::Send(frame));
    }

    /// A channel that is closed when everything up to now has been sent, or cannot be.
    pub fn flush(&self) -> Receiver<()> {
        let (sender, receiver) = mpsc::channel();
        let _ = self.orders.send(Order::Flush(sender));
        receiver
    }

    /// Tells the other side that nothing follows after what has been sent up to now.
    pub fn close(&self) {
        let _ = self.orders.send(Order::Close);
    }

    /// Ends the connection in both directions at once.
    pub fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Queue {
    /// Sends everything until the connection is closed, and a sign of life whenever there has been
    /// nothing else for the time of `beat`.
    pub fn run(mut self, beat: Duration) {
        loop {
            let frame = match self.orders.recv_timeout(beat) {
                Ok(Order::Send(frame)) => frame,
                Ok(Order::Flush(_)) => continue,
                Err(RecvTimeoutError::Timeout) => Frame::Alive,
                Ok(Order::Close) | Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                    return;
                }
            };
            if frame.write(&mut self.stream).is_err() {
                // The reader of this connection then notices its end.
                let _ = self.stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
