use std::{
    io::{self, Write},
    time::Duration,
};

use super::{
    convert,
    http::{Endpoint, post},
};
use crate::stream::sink::{Refused, whole_lines};

/// Takes lines as a writer and exports as many of them as make one request.
pub(super) struct Exporter {
    endpoint: Endpoint,
    timeout: Duration,
    /// The most bytes of lines in one request: halved by a collector that finds it too large, and growing again slowly.
    most: usize,
}

impl Exporter {
    /// The most bytes of lines in one request; a single longer line goes alone. As JSON of OTLP they are two to three times
    /// as many.
    const MOST: usize = 64 * 1024;
    const GROWTH: usize = 1024;

    pub(super) const fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        Self { endpoint, timeout, most: Self::MOST }
    }
}

impl Write for Exporter {
    /// Takes the first lines, all of one request or none. `WouldBlock` says that the same lines may be taken later;
    /// [`Refused`], that they never will.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        loop {
            let (piece, _) = whole_lines(lines, self.most);
            let (first, others) = whole_lines(piece, 0);
            match post(&self.endpoint, &convert::request(piece), self.timeout) {
                Ok(200..300) => {
                    self.most = (self.most + Self::GROWTH).min(Self::MOST);
                    return Ok(piece.len());
                }
                Ok(413) if !others.is_empty() => self.most = (piece.len() / 2).max(first.len()),
                // What the specification calls retryable.
                Ok(429 | 502 | 503 | 504) => {
                    return Err(io::Error::new(io::ErrorKind::WouldBlock, "the collector is busy"));
                }
                Ok(status) => {
                    let reason = format!("the collector answered {status}");
                    return Err(io::Error::other(Refused { bytes: piece.len(), reason }));
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::WouldBlock, error)),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
