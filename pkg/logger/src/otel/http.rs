use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write},
    net::{TcpStream, ToSocketAddrs as _},
    time::{Duration, Instant},
};

/// An `http://` address taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `host:port`, as it is connected to and as the `Host` header says.
    authority: String,
    path: String,
}

impl Endpoint {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("http://")?;
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        let safe = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
        let port_at =
            authority.rfind(':').filter(|colon| authority.rfind(']').is_none_or(|bracket| bracket < *colon));
        let (host, port) = port_at.map_or((authority, ":80"), |colon| authority.split_at(colon));
        let port: u16 = port.get(1..)?.parse().ok()?;
        (!host.is_empty() && safe(authority) && safe(path))
            .then(|| Self { authority: format!("{host}:{port}"), path: path.to_owned() })
    }
}

/// Instead of a timeout that the clock cannot hold.
const LONGEST: Duration = Duration::from_secs(600);

/// Posts JSON on a connection of its own; the status of the answer.
///
/// # Errors
///
/// When there is no connection, no answer within `timeout` from now on (the system's search for the address excepted), or
/// an answer that is not HTTP.
pub(super) fn post(endpoint: &Endpoint, body: &[u8], timeout: Duration) -> io::Result<u16> {
    let now = Instant::now();
    // A timeout that no clock can hold is one that never comes.
    let deadline = now.checked_add(timeout).unwrap_or(now + LONGEST);
    let mut connected = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in endpoint.authority.to_socket_addrs()? {
        connected = TcpStream::connect_timeout(&address, left(deadline)?);
        if connected.is_ok() {
            break;
        }
    }
    let mut stream = Timed { stream: connected?, deadline };
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        endpoint.path,
        endpoint.authority,
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    status(stream)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => Ok(left),
    }
}

/// A connection whose deadline is one for all that is done with it: the timeouts of a socket hold for one call each.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl io::Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buf)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        /// No more than this in one call, which waits for the room for all of it.
        const PIECE: usize = 64 * 1024;

        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(bytes.get(..PIECE).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The status of an answer's first line; the rest is not needed.
fn status(stream: Timed) -> io::Result<u16> {
    /// More than any status line has.
    const MOST: u64 = 1024;

    let mut line = String::new();
    BufReader::new(stream.take(MOST)).read_line(&mut line)?;
    let status =
        line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a peer is that treats its one connection like this.
    fn peer(serve: impl FnOnce(TcpStream) + Send + 'static) -> Endpoint {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || serve(listener.accept().unwrap().0));
        Endpoint { authority, path: "/".to_owned() }
    }

    #[test]
    fn a_peer_that_drips_its_answer_is_held_to_the_deadline_of_the_whole() {
        let endpoint = peer(|mut stream| {
            // Each byte comes well within the timeout; the thousand of them do not.
            while stream.write_all(b"x").is_ok() {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let started = Instant::now();
        let error = post(&endpoint, b"{}", Duration::from_millis(200)).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}: {error}", started.elapsed());
        assert!(matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{error:?}");
    }

    #[test]
    fn a_peer_that_drips_the_request_in_is_held_to_the_deadline_of_the_whole() {
        let endpoint = peer(|mut stream| {
            let mut piece = vec![0; 256 * 1024];
            while stream.read(&mut piece).is_ok_and(|count| count > 0) {
                std::thread::park_timeout(Duration::from_millis(50));
            }
        });
        let started = Instant::now();
        let error = post(&endpoint, &vec![b' '; 64 << 20], Duration::from_millis(300)).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}: {error}", started.elapsed());
    }

    #[test]
    fn addresses_are_taken_apart_or_refused() {
        let parsed = |text| Endpoint::parse(text).map(|endpoint| (endpoint.authority, endpoint.path));
        let parts = |authority: &str, path: &str| Some((authority.to_owned(), path.to_owned()));
        assert_eq!(parsed("http://localhost:4318/v1/logs"), parts("localhost:4318", "/v1/logs"));
        assert_eq!(parsed("http://collector"), parts("collector:80", "/"));
        assert_eq!(parsed("http://[::1]:4318/v1/logs"), parts("[::1]:4318", "/v1/logs"));
        assert_eq!(parsed("http://[::1]/"), parts("[::1]:80", "/"));
        for bad in [
            "",
            "https://x:1/",
            "http://",
            "http://:1/",
            "http://a:b/",
            "http://a b/",
            "http://u:p@h:1/",
            "http://h:1/\r\nx: y",
        ] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }
}
