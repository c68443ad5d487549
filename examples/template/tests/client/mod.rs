//! One HTTP/1.1 exchange over a plain socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Nothing takes this long on a healthy machine.
pub const LIMIT: Duration = Duration::from_secs(90);

/// Status and body; none where the service is gone.
pub fn request(address: &str, line: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let head =
        "host: notes\r\nconnection: close\r\ncontent-type: application/json\r\nx-request-id: from-a-test\r\n";
    let length = body.len();
    stream.write_all(format!("{line}{head}content-length: {length}\r\n\r\n{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
