use std::net::ToSocketAddrs;

use crate::error::{Server, TestkitError};
use crate::nats::info::Info;
use crate::record;

/// `NATS_URL`, if it is set: the server must be there, new enough and have JetStream.
pub(crate) fn url() -> Result<Option<String>, TestkitError> {
    let Some(url) = std::env::var("NATS_URL").ok().filter(|url| !url.is_empty()) else { return Ok(None) };
    let refuse = |reason: String| TestkitError::Given { variable: "NATS_URL", reason };
    let addresses =
        address(&url).to_socket_addrs().map_err(|error| refuse(format!("its host is unknown ({error})")))?;
    let info = addresses.into_iter().find_map(Info::of);
    let info = info.ok_or_else(|| refuse("no NATS server answers there".to_owned()))?;
    let (oldest, why) = Server::Nats.oldest();
    let version = info.version.map_or("of unknown version".to_owned(), |version| version.to_string());
    if info.version.is_some_and(|version| version < oldest) {
        return Err(refuse(format!("nats-server {version} is too old, at least {oldest} is needed: {why}")));
    }
    if !info.jetstream {
        return Err(refuse("it runs without JetStream (start it with -js)".to_owned()));
    }
    record::used(&format!("nats-server {version} (NATS_URL)"));
    Ok(Some(url))
}

/// `host:port` of the first server in a URL such as `tls://user:password@host:4222,nats://other`.
fn address(url: &str) -> String {
    let first = url.split(',').next().unwrap_or(url);
    let authority = first.split_once("://").map_or(first, |(_, rest)| rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(['/', '?']).next().unwrap_or(host);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { host.to_owned() } else { format!("{host}:4222") }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn finds_the_address_in_a_url() {
        for (url, expected) in [
            ("nats://127.0.0.1:4333", "127.0.0.1:4333"),
            ("localhost", "localhost:4222"),
            ("tls://ada:love@nats.example:4444,nats://other", "nats.example:4444"),
            ("nats://[::1]", "[::1]:4222"),
            ("nats://[::1]:4333/", "[::1]:4333"),
        ] {
            assert_eq!(address(url), expected);
        }
    }
}
