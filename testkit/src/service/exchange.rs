//! One HTTP/1.1 exchange over a plain socket: small, and able to stop half way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::limit::LIMIT;

/// A request whose head is sent and whose body is not.
#[derive(Debug)]
pub struct HttpExchange {
    stream: BufReader<TcpStream>,
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl HttpExchange {
    /// Sends the head of a request.
    ///
    /// # Panics
    /// When the server does not accept a connection.
    pub fn begin(address: &str, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> Self {
        let stream =
            TcpStream::connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"));
        drop(stream.set_read_timeout(Some(LIMIT)));
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {length}\r\n\r\n");
        let mut exchange = Self { stream: BufReader::new(stream) };
        exchange.write(&head);
        exchange
    }

    /// Waits for `100 Continue`: the handler runs and asks for the body.
    ///
    /// # Panics
    /// When anything else comes.
    pub fn wait_for_continue(&mut self) {
        assert_eq!(self.line(), "HTTP/1.1 100 Continue");
        assert_eq!(self.line(), "");
    }

    /// Sends the body and reads the whole reply.
    ///
    /// # Panics
    /// When the reply is not HTTP, or does not end in time.
    pub fn finish(mut self, body: &str) -> HttpReply {
        self.write(body);
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.expect("a status line");
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut body = String::new();
        self.stream.read_to_string(&mut body).expect("read the body");
        HttpReply { status, headers, body }
    }

    pub(super) fn write(&mut self, text: &str) {
        // A server may answer and close before it has read everything, for example a body that is too large.
        drop(self.stream.get_mut().write_all(text.as_bytes()));
    }

    /// The next line of the reply, headers included, for one that does not end, such as events.
    ///
    /// # Panics
    /// When none comes in time.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("read a line of the reply");
        line.trim_end().to_owned()
    }
}

impl HttpReply {
    /// The value of a header; its name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    /// Checks that this is a problem of RFC 9457 with this status and code, and returns it.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["title"].is_string() && problem["type"].is_string(), "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        assert!(problem["request_id"].is_string(), "{problem}");
        problem
    }

    /// The places that a problem names, in the order in which it names them.
    ///
    /// # Panics
    /// When the body is no problem.
    pub fn places(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        let place = |error: &Value| {
            ["pointer", "parameter", "header"]
                .iter()
                .find_map(|key| Some(error.get(key)?.as_str()?.to_owned()))
        };
        errors.iter().map(|error| place(error).unwrap_or_else(|| panic!("no place in {error}"))).collect()
    }
}
