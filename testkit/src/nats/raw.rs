use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::url::UrlParts;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A blocking connection that sends requests, one after the other: the test kit has no NATS client.
#[derive(Debug)]
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
    /// Of this session alone: the nodes of a cluster share their subjects.
    inbox: String,
}

impl Session {
    pub(crate) fn connect(url: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(UrlParts::of(url).address(4222))?;
        stream.set_read_timeout(Some(LIMIT))?;
        let inbox = format!("underpin.inbox.{}", stream.local_addr()?.port());
        let mut session = Self { stream: BufReader::new(stream), inbox };
        session.send(&format!("CONNECT {{\"verbose\":false}}\r\nSUB {} 1\r\n", session.inbox))?;
        Ok(session)
    }

    /// The body of the answer.
    pub(crate) fn request(&mut self, subject: &str, body: &str) -> io::Result<String> {
        self.send(&format!("PUB {subject} {} {}\r\n{body}\r\n", self.inbox, body.len()))?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.starts_with("PING") {
                self.send("PONG\r\n")?;
            } else if line.starts_with("-ERR") {
                return Err(io::Error::other(line));
            } else if line.starts_with("MSG ") {
                return self.body(line.trim_end());
            }
        }
    }

    /// The bytes after a line `MSG <subject> <sid> <size>`.
    fn body(&mut self, line: &str) -> io::Result<String> {
        let size = line.rsplit(' ').next().and_then(|size| size.parse::<usize>().ok());
        let mut body = vec![0; size.ok_or(io::ErrorKind::InvalidData)? + 2];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).trim_end().to_owned())
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }
}
