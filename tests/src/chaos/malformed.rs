use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use underpin_errors::BoxError;

use super::random::Random;

/// Header blocks that nats-server stores and a client of async-nats cannot read: it drops its connection, or its task ends.
const BLOCKS: [&[u8]; 7] = [
    b"NATS/1.0\r\nA: b\rc\r\n\r\n",
    b"NATS/1.0\r\nA: \xff\r\n\r\n",
    b"NATS/1.0\r\nA B: c\r\n\r\n",
    "NATS/1.0\r\né: c\r\n\r\n".as_bytes(),
    b"NATS/1.0\r\nabc\r\n\r\n",
    b"NATS/2.0\r\nA: b\r\n\r\n",
    b"A: b\r\n\r\n",
];

/// How long the server may take to confirm.
const LIMIT: Duration = Duration::from_secs(5);

/// Publishes a message with one of the malformed header blocks to a subject of the stream, over a plain socket. Its sequence
/// when the server confirmed it; without a confirmation it may or may not be stored.
pub(crate) async fn publish(address: &str, subject: &str, random: &mut Random) -> Option<u64> {
    let block = random.pick(&BLOCKS).copied().unwrap_or_default();
    let publishing = async { request(address, subject, block, b"{").await.ok() };
    tokio::time::timeout(LIMIT, publishing).await.ok().flatten()
}

async fn request(address: &str, subject: &str, block: &[u8], payload: &[u8]) -> Result<u64, BoxError> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let (headers, total) = (block.len(), block.len() + payload.len());
    let mut text =
        b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\nSUB reply 1\r\n".to_vec();
    text.extend(format!("HPUB {subject} reply {headers} {total}\r\n").bytes());
    for part in [block, payload, b"\r\n"] {
        text.extend(part);
    }
    stream.write_all(&text).await?;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err("the server closed the connection".into());
        }
        // `MSG reply 1 <bytes>`, and then `{"stream":"EVENTS","seq":7}`.
        if let Some((_, rest)) = line.split_once("\"seq\":") {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            return Ok(digits.parse()?);
        }
        if line.starts_with("-ERR") || line.contains("\"error\"") {
            return Err(line.into());
        }
    }
}
