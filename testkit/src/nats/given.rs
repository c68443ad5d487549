use std::net::ToSocketAddrs;

use crate::error::{Server, TestkitError};
use crate::nats::info::Info;
use crate::record;
use crate::url::UrlParts;

/// `NATS_URL`, if it is set: the server must be there, new enough and have JetStream.
pub(crate) fn url() -> Result<Option<String>, TestkitError> {
    let Some(url) = std::env::var("NATS_URL").ok().filter(|url| !url.is_empty()) else { return Ok(None) };
    let refuse = |reason: String| TestkitError::Given { variable: "NATS_URL", reason };
    let addresses = UrlParts::of(&url)
        .address(4222)
        .to_socket_addrs()
        .map_err(|error| refuse(format!("its host is unknown ({error})")))?;
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
