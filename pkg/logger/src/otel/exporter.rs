use std::{
    io::{self, Write},
    time::Duration,
};

use super::{
    convert,
    http::{Endpoint, post},
};

/// Takes batches of lines as a writer and exports each as one request.
pub(super) struct Exporter {
    endpoint: Endpoint,
    timeout: Duration,
}

impl Exporter {
    pub(super) const fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        Self { endpoint, timeout }
    }
}

impl Write for Exporter {
    /// All or nothing. `WouldBlock` says that the same batch may be taken later.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let body = convert::request(lines);
        match post(&self.endpoint, &body, self.timeout) {
            Ok(200..300) => Ok(lines.len()),
            // What the specification calls retryable.
            Ok(429 | 502 | 503 | 504) => {
                Err(io::Error::new(io::ErrorKind::WouldBlock, "the collector is busy"))
            }
            Ok(status) => Err(io::Error::other(format!("the collector answered {status}"))),
            Err(error) => Err(io::Error::new(io::ErrorKind::WouldBlock, error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
