//! Asks the running service, through its admin listener, for a command that works on what that process holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use underpin_config::Secret;
use underpin_errors::{Error, Kind, ResultExt as _};

use crate::wire::{CommandReply, CommandRequest, PATH};
use crate::{CommandCall, CommandOutput, Offer};

/// How long a service may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// How long a command may run in the service, and somewhat more.
const ANSWER: Duration = Duration::from_secs(310);

/// The longest answer that is read.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Where the admin listener of the running service is.
#[derive(Clone, Debug, Default)]
pub struct AdminAddress {
    address: Option<SocketAddr>,
    token: Option<Secret<String>>,
}

impl AdminAddress {
    /// As the settings of the service say. The default has none.
    pub fn new(address: SocketAddr, token: Option<Secret<String>>) -> Self {
        Self { address: reachable(address), token }
    }
}

/// Runs a command in the service that holds its resource, or else in this process.
///
/// # Errors
/// What the command failed with, or why neither can run it.
///
/// # Cancel safety
/// As safe as the command.
pub async fn run(
    offer: &Offer,
    call: &CommandCall,
    admin: &AdminAddress,
    out: &mut CommandOutput,
) -> Result<(), Error> {
    let why = match offer.held() {
        None => None,
        Some(resource) => {
            match ask(admin, &CommandRequest::new(offer.name(), resource, call.clone())).await? {
                RemoteReply::Ran(reply) => {
                    // A string takes everything.
                    let _complete = std::fmt::Write::write_str(out, &reply.output);
                    return reply.error().map_or(Ok(()), Err);
                }
                RemoteReply::Unable(why) => Some(why),
            }
        }
    };
    let command = offer.command().map_err(|error| match why {
        Some(why) => Error::new(error.kind(), format!("{}; {why}", error.public_message())),
        None => error,
    })?;
    command.run(call, out).await
}

/// What the service behind the admin listener said.
enum RemoteReply {
    /// It ran the command.
    Ran(CommandReply),
    /// It did not, for this reason; the caller may.
    Unable(String),
}

/// Asks for the command. An error: the service may have run the command, or refused the caller.
async fn ask(admin: &AdminAddress, request: &CommandRequest) -> Result<RemoteReply, Error> {
    let Some(address) = admin.address else {
        return Ok(RemoteReply::Unable(
            "the service has no admin listener to ask (service.admin)".to_owned(),
        ));
    };
    let connected = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    let Ok(Ok(stream)) = connected else {
        let why = format!("no running service answers at {address} (see service.admin.address)");
        return Ok(RemoteReply::Unable(why));
    };
    let body = serde_json::to_string(request).wrap_err(Kind::Internal, "write the command")?;
    let answer = tokio::time::timeout(ANSWER, exchange(stream, address, admin.token.as_ref(), &body)).await;
    let late =
        |_| Error::timeout(format!("the service at {address} has not answered; the command may still run"));
    let (status, body) = answer.map_err(late)??;
    match status {
        200 => serde_json::from_slice(&body)
            .map(RemoteReply::Ran)
            .wrap_err(Kind::Internal, "read the answer of the service"),
        404 | 405 => Ok(RemoteReply::Unable(format!("the service at {address} does not offer it"))),
        409 => Ok(RemoteReply::Unable(format!("the service at {address} works on something else"))),
        401 => Err(Error::new(
            Kind::Unauthenticated,
            format!("the service at {address} refuses the command: set service.admin.token to its token"),
        )),
        other => Err(Error::internal(format!("the service at {address} answered with status {other}"))),
    }
}

/// Where a listener on this address is reached from this machine. None for a port that only the listener knows.
fn reachable(address: SocketAddr) -> Option<SocketAddr> {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (address.port() != 0).then(|| SocketAddr::new(ip, address.port()))
}

/// One request over HTTP/1.1, and its status and body. The listener sends no chunks.
async fn exchange(
    mut stream: TcpStream,
    address: SocketAddr,
    token: Option<&Secret<String>>,
    body: &str,
) -> Result<(u16, Vec<u8>), Error> {
    let token =
        token.map_or_else(String::new, |token| format!("Authorization: Bearer {}\r\n", token.expose()));
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {token}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let lost = || format!("the connection to the service at {address} broke; the command may have run");
    stream.write_all(request.as_bytes()).await.wrap_err(Kind::Unavailable, lost())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await.wrap_err(Kind::Unavailable, lost())?;
    parse(&answer).ok_or_else(|| Error::unavailable(lost()))
}

/// The status and the body of a whole response.
fn parse(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let body = answer.get(end + 4..)?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let length = head.lines().filter_map(|line| line.split_once(':'));
    let length =
        length.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value);
    let length: Vec<&str> = length.collect();
    let whole = matches!(length.as_slice(), [one] if one.trim().parse() == Ok(body.len()));
    whole.then(|| (status, body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_response_counts() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(parse(whole), Some((200, b"ok".to_vec())));
        for cut in 0..whole.len() {
            assert_eq!(parse(&whole[..cut]), None, "{cut} bytes");
        }
        assert_eq!(parse(b"SSH-2.0-OpenSSH\r\n\r\n"), None);
    }

    #[test]
    fn a_listener_on_all_interfaces_is_asked_on_loopback() {
        let at = |address: &str| reachable(address.parse().unwrap());
        assert_eq!(at("0.0.0.0:9090"), Some("127.0.0.1:9090".parse().unwrap()));
        assert_eq!(at("[::]:9090"), Some("[::1]:9090".parse().unwrap()));
        assert_eq!(at("10.0.0.1:9090"), Some("10.0.0.1:9090".parse().unwrap()));
        assert_eq!(at("127.0.0.1:0"), None);
    }
}
