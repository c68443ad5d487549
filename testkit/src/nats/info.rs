use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::version::Version;

/// What a server says about itself before anything else: a line `INFO {...}`.
///
/// Source: the NATS client protocol. It comes before TLS and before any password, and JetStream is up by then.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Info {
    pub(crate) version: Option<Version>,
    pub(crate) jetstream: bool,
}

impl Info {
    /// Asks the server; `None` when it does not answer like NATS within a second.
    pub(crate) fn of(address: SocketAddr) -> Option<Self> {
        let limit = Duration::from_secs(1);
        let stream = TcpStream::connect_timeout(&address, limit).ok()?;
        stream.set_read_timeout(Some(limit)).ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).ok()?;
        Self::parse(&line)
    }

    /// Two fields of flat JSON that the server itself writes without spaces: no need for a parser.
    fn parse(line: &str) -> Option<Self> {
        let json = line.strip_prefix("INFO ")?;
        let (_, after) = json.split_once("\"version\":\"")?;
        let version = Version::find_in(after.split('"').next()?);
        Some(Self { version, jetstream: json.contains("\"jetstream\":true") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_first_line_of_a_server() {
        let line = r#"INFO {"server_id":"N","version":"2.15.1","proto":1,"jetstream":true,"port":4222} "#;
        let expected = Info { version: Some(Version::new(2, 15, 1)), jetstream: true };
        assert_eq!(Info::parse(line), Some(expected));
        assert_eq!(Info::parse("HTTP/1.1 400 Bad Request"), None);
    }
}
