//! One file after the other, from the first mirror that gives it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::thread::sleep;

use ureq::http::Response;
use ureq::{Agent, Body, Timeout};

use super::{Event, Failure, FetchProblem, Network, Order, Reason, RemoteFile, content};
use crate::data::{Error, Result};
use crate::file_error::FileError;

/// How often each mirror is tried, if what it failed by may pass.
const ROUNDS: usize = 2;

/// The mirrors of one data set.
pub(super) struct Downloader<'a> {
    order: &'a Order,
    agent: Agent,
    /// The one that gave the last file comes first: a dead one is waited for once.
    mirrors: Vec<&'a str>,
}

/// Whose fault it is: this machine's, where no other mirror helps, or a mirror's.
enum Fault {
    Here(Error),
    There(Reason),
}

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault::Here(error.into())
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Fault {
        Fault::There(reason)
    }
}

impl<'a> Downloader<'a> {
    pub fn new(order: &'a Order) -> Self {
        let mirrors = order.mirrors.iter().map(String::as_str).collect();
        Downloader { order, agent: agent(&order.network), mirrors }
    }

    /// Leaves the file at `part`, with the right content.
    pub fn download(
        &mut self,
        file: &RemoteFile,
        part: &Path,
        report: &mut dyn FnMut(Event),
    ) -> Result<()> {
        if is_right(part, file)? {
            return Ok(()); // An earlier process ended before it could install it.
        }
        let mut failures = Vec::new();
        let mut due = self.mirrors.clone();
        for round in 0..ROUNDS {
            if round > 0 && !due.is_empty() {
                sleep(self.order.network.pause);
            }
            for mirror in std::mem::take(&mut due) {
                let url = format!("{mirror}{}.gz", file.name);
                let reason = match self.download_from(&url, file, part, report) {
                    Ok(()) => {
                        self.mirrors.sort_by_key(|&other| other != mirror);
                        return Ok(());
                    }
                    Err(Fault::Here(error)) => return Err(error),
                    Err(Fault::There(reason)) => reason,
                };
                if reason.may_pass() {
                    due.push(mirror);
                }
                let failure = Failure { url, reason };
                report(Event::Failed(&failure));
                failures.push(failure);
            }
        }
        Err(self.no_mirror(file, part, failures).into())
    }

    /// Whatever a server says of its file, the content decides: one that was cut off may be whole,
    /// one that came to its end may be wrong. What is wrong is not gone on from.
    fn download_from(
        &self,
        url: &str,
        file: &RemoteFile,
        part: &Path,
        report: &mut dyn FnMut(Event),
    ) -> Result<(), Fault> {
        let from = match self.transfer(url, file, part, report) {
            Ok(from) => from,
            Err(Fault::There(_)) if is_right(part, file)? => return Ok(()),
            Err(fault) => return Err(fault),
        };
        let Some(mismatch) = content::check(part, file)? else { return Ok(()) };
        fs::remove_file(part).map_err(FileError::at("delete", part))?;
        match from {
            0 => Err(Reason::Content(mismatch).into()),
            // Its beginning may be another mirror's, or another day's.
            _ => self.download_from(url, file, part, report),
        }
    }

    /// Adds to `part` what is missing; the number of bytes that it went on from.
    fn transfer(
        &self,
        url: &str,
        file: &RemoteFile,
        part: &Path,
        report: &mut dyn FnMut(Event),
    ) -> Result<u64, Fault> {
        let (response, from) = self.ask(url, length(part)?)?;
        let mut body = response.into_body();
        let total = body.content_length().map(|length| from.saturating_add(length));
        report(Event::Begin { url, from, total });
        let mut output = open(part, from)?;
        let mut input = body.as_reader().take(most_bytes(file).saturating_sub(from));
        let mut received = from;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = input.read(&mut buffer);
            let count = read.map_err(|error| self.reason(error.into(), received, total))?;
            if count == 0 {
                break;
            }
            output.write_all(&buffer[..count]).map_err(FileError::at("write", part))?;
            received += count as u64;
            report(Event::Received(received));
        }
        output.sync_all().map_err(FileError::at("write", part))?;
        Ok(from)
    }

    /// Asks for a file from byte `from` on; the answer, and where it really begins.
    fn ask(&self, url: &str, from: u64) -> Result<(Response<Body>, u64), Reason> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| self.reason(error, 0, None))?;
        match response.status().as_u16() {
            200 => Ok((response, 0)),
            206 if from > 0 && begins_at(&response, from) => Ok((response, from)),
            206 | 416 if from > 0 => self.ask(url, 0),
            status => Err(Reason::Status(status)),
        }
    }

    fn reason(&self, error: ureq::Error, received: u64, total: Option<u64>) -> Reason {
        let network = &self.order.network;
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Reason::NoConnection(network.connect)
            }
            ureq::Error::Timeout(_) => Reason::Silent(network.silence),
            ureq::Error::TooManyRedirects => Reason::Redirects,
            ureq::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Reason::CutOff { received, total }
            }
            ureq::Error::Io(error) => Reason::Other(error.to_string()),
            other => Reason::Other(other.to_string()),
        }
    }

    fn no_mirror(&self, file: &RemoteFile, part: &Path, failures: Vec<Failure>) -> FetchProblem {
        FetchProblem::NoMirror {
            dataset: self.order.dataset.clone(),
            file: format!("{}.gz", file.name),
            failures,
            folder: self.order.folder.clone(),
            part: part.exists().then(|| part.to_owned()),
        }
    }
}

/// No total time-out. Files are taken as they lie on the server, so nothing may compress them more.
fn agent(network: &Network) -> Agent {
    let builder = Agent::config_builder()
        .http_status_as_error(false)
        .accept_encoding("identity")
        .timeout_resolve(Some(network.connect))
        .timeout_connect(Some(network.connect))
        .timeout_recv_response(Some(network.silence))
        .timeout_per_read(Some(network.silence));
    let builder = if network.proxy { builder } else { builder.proxy(None) };
    builder.build().new_agent()
}

/// `content-range: bytes 100-199/200` begins at 100.
fn begins_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    first.is_some_and(|first| first.parse() == Ok(from))
}

/// Gzip makes what it cannot pack 5 bytes longer in 16,384 at the most, and has a header.
fn most_bytes(file: &RemoteFile) -> u64 {
    file.length + file.length / 1000 + 1024
}

/// Opens `part` to be written from byte `from` on, which is its end or its beginning.
fn open(part: &Path, from: u64) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    match from {
        0 => options.write(true).create(true).truncate(true),
        _ => options.append(true),
    };
    options.open(part).map_err(FileError::at("write", part))
}

fn is_right(part: &Path, file: &RemoteFile) -> Result<bool> {
    Ok(length(part)? > 0 && content::check(part, file)?.is_none())
}

/// 0 if there is no such file.
fn length(path: &Path) -> Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(FileError::at("read", path)(error).into()),
    }
}
