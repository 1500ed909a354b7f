//! An HTTP server on the loopback address with scripted responses, faults included.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// File name without slash: `train-images-idx3-ubyte.gz`.
    pub name: String,
    /// The beginning of the requested range, if any.
    pub from: Option<usize>,
}

/// A step of a response; the connection is closed after the last one.
pub enum Step {
    /// Sends bytes of the header or body.
    Send(Vec<u8>),
    /// Sends zeros until the client closes the connection.
    #[allow(dead_code)]
    SendForever,
    /// Waits.
    #[allow(dead_code)]
    Wait(Duration),
    /// Waits until the client closes the connection.
    Hang,
}

/// A server that runs until the process ends.
pub struct Mirror {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Mirror {
    /// Starts a server that responds to each request with the steps of `answer`, in a thread per
    /// request.
    pub fn start(answer: impl Fn(&Request) -> Vec<Step> + Send + Sync + 'static) -> Mirror {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = read_request(&stream) else { return };
                    log.lock().unwrap().push(request.clone());
                    for step in answer(&request) {
                        execute(step, &mut stream);
                    }
                });
            }
        });
        Mirror { address, requests }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The beginnings of the requested ranges, in order.
    #[allow(dead_code)]
    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.requests().iter().map(|request| request.from).collect()
    }
}

/// `None` if the connection is closed before a request.
fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let name = first.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
    let mut from = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        if let Some(range) = line.to_lowercase().strip_prefix("range: bytes=") {
            from = range.strip_suffix('-').and_then(|number| number.parse().ok());
        }
    }
    Some(Request { name, from })
}

/// Executes a step. A client that closes the connection is not an error.
fn execute(step: Step, stream: &mut TcpStream) {
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

/// A response with a status only.
pub fn status(status: u16) -> Vec<Step> {
    vec![head(status, &["Content-Length: 0".to_owned()])]
}

/// The whole file, whatever the requested range, with a content length that may be wrong.
pub fn whole(body: &[u8], length: usize) -> Vec<Step> {
    vec![head(200, &[format!("Content-Length: {length}")]), Step::Send(body.to_vec())]
}

/// The response of a correct server.
pub fn good(body: &[u8], request: &Request) -> Vec<Step> {
    match request.from {
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

/// The response of a correct server, cut off at byte `until` of the body.
pub fn cut(body: &[u8], request: &Request, until: usize) -> Vec<Step> {
    let mut steps = good(body, request);
    if let Some(Step::Send(sent)) = steps.last_mut() {
        sent.truncate(until - request.from.unwrap_or(0));
    }
    steps
}
