//! A web server on the loopback address that does what a test tells it to, faults included.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Without the slash: `train-images-idx3-ubyte.gz`.
    pub name: String,
    /// Where the range begins that was asked for, if one was.
    pub from: Option<usize>,
}

/// What is done for an answer; the connection is closed after the last step.
pub enum Step {
    /// Sends bytes, of header or body.
    Send(Vec<u8>),
    /// Sends zeros until the client has enough.
    #[allow(dead_code)]
    SendForever,
    /// Does nothing for a while.
    #[allow(dead_code)]
    Wait(Duration),
    /// Does nothing until the client goes away.
    Hang,
}

/// A server that lives until the process ends.
pub struct Mirror {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Mirror {
    /// A server that answers each request by what `answer` says, each in a thread of its own.
    pub fn start(answer: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Mirror {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read_request(&stream) else { return };
                    log.lock().unwrap().push(request.clone());
                    for step in answer(&request) {
                        take(step, &mut stream);
                    }
                });
            }
        });
        Mirror { address, asked }
    }

    /// The URL of its folder.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// All requests so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Where the requested ranges began, in order.
    #[allow(dead_code)]
    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.asked().iter().map(|asked| asked.from).collect()
    }
}

/// None where a connection ends before it has asked for anything.
fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let name = first.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
    let mut from = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            from = range.strip_suffix('-').and_then(|number| number.parse().ok());
        }
    }
    Some(Asked { name, from })
}

/// A client that has gone away is as good as served.
fn take(step: Step, stream: &mut TcpStream) {
    match step {
        Step::Send(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Step::SendForever => while stream.write_all(&[0; 4096]).is_ok() {},
        Step::Wait(time) => thread::sleep(time),
        Step::Hang => {
            let _ = stream.read(&mut [0]);
        }
    }
}

/// A status line and headers.
pub fn head(status: u16, headers: &[String]) -> Step {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    Step::Send(format!("HTTP/1.1 {status} -\r\nConnection: close\r\n{headers}\r\n").into())
}

/// A status and nothing else.
pub fn status(status: u16) -> Vec<Step> {
    vec![head(status, &["Content-Length: 0".to_owned()])]
}

/// All of a file, whatever range was asked for, with a length that may be a lie.
pub fn whole(body: &[u8], length: usize) -> Vec<Step> {
    vec![head(200, &[format!("Content-Length: {length}")]), Step::Send(body.to_vec())]
}

/// What a good server answers.
pub fn good(body: &[u8], asked: &Asked) -> Vec<Step> {
    match asked.from {
        None => whole(body, body.len()),
        Some(from) if from >= body.len() => status(416),
        Some(from) => {
            let (last, all) = (body.len() - 1, body.len());
            let headers = [
                format!("Content-Range: bytes {from}-{last}/{all}"),
                format!("Content-Length: {}", all - from),
            ];
            vec![head(206, &headers), Step::Send(body[from..].to_vec())]
        }
    }
}

/// The headers that a good server sends, the body up to byte `until`, and the rest never.
pub fn cut(body: &[u8], asked: &Asked, until: usize) -> Vec<Step> {
    let mut steps = good(body, asked);
    if let Some(Step::Send(sent)) = steps.last_mut() {
        sent.truncate(until - asked.from.unwrap_or(0));
    }
    steps
}
