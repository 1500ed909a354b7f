//! Downloads single files, each from the first mirror that has it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::thread::sleep;

use ureq::http::Response;
use ureq::{Agent, Body, Timeout};

use super::{
    Event, Failure, FetchProblem, FetchRequest, NetworkOptions, Reason, RemoteFile, verify,
};
use crate::data::{Error, Result};
use crate::file_error::FileError;

/// How often each mirror is tried if its failure may be transient.
const ROUNDS: usize = 2;

/// Downloads the files of one data set.
pub(super) struct Downloader<'a> {
    request: &'a FetchRequest,
    agent: Agent,
    /// The mirror of the last file comes first, so a dead mirror is waited for only once.
    mirrors: Vec<&'a str>,
}

/// The cause of a failure: this machine, where another mirror would not help, or a mirror.
enum Fault {
    Local(Error),
    Mirror(Reason),
}

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Fault {
        Fault::Local(error.into())
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Fault {
        Fault::Mirror(reason)
    }
}

impl<'a> Downloader<'a> {
    pub fn new(request: &'a FetchRequest) -> Self {
        let mirrors = request.mirrors.iter().map(String::as_str).collect();
        Downloader { request, agent: agent(&request.network), mirrors }
    }

    /// Downloads the file to `part` and verifies its content.
    pub fn download(
        &mut self,
        file: &RemoteFile,
        part: &Path,
        report: &mut dyn FnMut(Event),
    ) -> Result<()> {
        if is_valid(part, file)? {
            return Ok(()); // An earlier process ended before it could install it.
        }
        let mut failures = Vec::new();
        let mut pending = self.mirrors.clone();
        for round in 0..ROUNDS {
            if round > 0 && !pending.is_empty() {
                sleep(self.request.network.retry_delay);
            }
            for mirror in std::mem::take(&mut pending) {
                let url = format!("{mirror}{}.gz", file.name);
                let reason = match self.download_from(&url, file, part, report) {
                    Ok(()) => {
                        self.mirrors.sort_by_key(|&other| other != mirror);
                        return Ok(());
                    }
                    Err(Fault::Local(error)) => return Err(error),
                    Err(Fault::Mirror(reason)) => reason,
                };
                if reason.is_transient() {
                    pending.push(mirror);
                }
                let failure = Failure { url, reason };
                report(Event::Failed(&failure));
                failures.push(failure);
            }
        }
        Err(self.no_mirror(file, part, failures).into())
    }

    /// Downloads from one mirror. The content decides, whatever the server says: a transfer that
    /// was cut off may be complete, and a complete one may be wrong. A wrong file is deleted, not
    /// resumed.
    fn download_from(
        &self,
        url: &str,
        file: &RemoteFile,
        part: &Path,
        report: &mut dyn FnMut(Event),
    ) -> Result<(), Fault> {
        let from = match self.transfer(url, file, part, report) {
            Ok(from) => from,
            Err(Fault::Mirror(_)) if is_valid(part, file)? => return Ok(()),
            Err(fault) => return Err(fault),
        };
        let Some(mismatch) = verify::check(part, file)? else { return Ok(()) };
        fs::remove_file(part).map_err(FileError::at("delete", part))?;
        match from {
            0 => Err(Reason::Content(mismatch).into()),
            // Its beginning may come from another mirror or another version.
            _ => self.download_from(url, file, part, report),
        }
    }

    /// Appends the missing bytes to `part`; returns the offset at which the transfer resumed.
    fn transfer(
        &self,
        url: &str,
        file: &RemoteFile,
        part: &Path,
        report: &mut dyn FnMut(Event),
    ) -> Result<u64, Fault> {
        let (response, from) = self.send_request(url, length(part)?)?;
        let mut body = response.into_body();
        let total = body.content_length().map(|length| from.saturating_add(length));
        report(Event::Started { url, from, total });
        let mut output = open(part, from)?;
        let mut input = body.as_reader().take(max_compressed_size(file).saturating_sub(from));
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

    /// Requests a file from byte `from`; returns the response and the offset at which it really
    /// begins.
    fn send_request(&self, url: &str, from: u64) -> Result<(Response<Body>, u64), Reason> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| self.reason(error, 0, None))?;
        match response.status().as_u16() {
            200 => Ok((response, 0)),
            206 if from > 0 && begins_at(&response, from) => Ok((response, from)),
            206 | 416 if from > 0 => self.send_request(url, 0),
            status => Err(Reason::Status(status)),
        }
    }

    fn reason(&self, error: ureq::Error, received: u64, total: Option<u64>) -> Reason {
        let network = &self.request.network;
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Reason::ConnectTimeout(network.connect_timeout)
            }
            ureq::Error::Timeout(_) => Reason::ReadTimeout(network.read_timeout),
            ureq::Error::TooManyRedirects => Reason::TooManyRedirects,
            ureq::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Reason::ConnectionClosed { received, total }
            }
            ureq::Error::Io(error) => Reason::Other(error.to_string()),
            other => Reason::Other(other.to_string()),
        }
    }

    fn no_mirror(&self, file: &RemoteFile, part: &Path, failures: Vec<Failure>) -> FetchProblem {
        FetchProblem::NoMirror {
            dataset: self.request.dataset.clone(),
            file: format!("{}.gz", file.name),
            failures,
            folder: self.request.folder.clone(),
            part: part.exists().then(|| part.to_owned()),
        }
    }
}

/// No overall timeout. `identity` keeps servers from compressing the files once more.
fn agent(network: &NetworkOptions) -> Agent {
    let builder = Agent::config_builder()
        .http_status_as_error(false)
        .accept_encoding("identity")
        .timeout_resolve(Some(network.connect_timeout))
        .timeout_connect(Some(network.connect_timeout))
        .timeout_recv_response(Some(network.read_timeout))
        .timeout_per_read(Some(network.read_timeout));
    let builder = if network.use_proxy { builder } else { builder.proxy(None) };
    builder.build().new_agent()
}

/// Whether the response begins at `from`: `content-range: bytes 100-199/200` begins at 100.
fn begins_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    let first = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    first.is_some_and(|first| first.parse() == Ok(from))
}

/// Upper bound of the gzipped size: gzip adds at most 5 bytes per 16,384 to incompressible data,
/// and a header.
fn max_compressed_size(file: &RemoteFile) -> u64 {
    file.length + file.length / 1000 + 1024
}

/// Opens `part` for writing from byte `from`, which is its end or its beginning.
fn open(part: &Path, from: u64) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    match from {
        0 => options.write(true).create(true).truncate(true),
        _ => options.append(true),
    };
    options.open(part).map_err(FileError::at("write", part))
}

fn is_valid(part: &Path, file: &RemoteFile) -> Result<bool> {
    Ok(length(part)? > 0 && verify::check(part, file)?.is_none())
}

/// The length of a file; 0 if it does not exist.
fn length(path: &Path) -> Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(FileError::at("read", path)(error).into()),
    }
}
