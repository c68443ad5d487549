use std::net::ToSocketAddrs;

use crate::container::{Container, ContainerOptions};
use crate::error::{Server, TestkitError};
use crate::nats::info::Info;
use crate::supervisor::Lifetime;
use crate::url::UrlParts;

const CONFIG: &str = "/underpin-nats.conf";

/// Starts `nats-server` with JetStream in a container; `config` is the text of a configuration file.
pub(crate) fn start(config: &str) -> Result<Container, TestkitError> {
    let arguments = ["--jetstream", "--store_dir", "/data", "--config", CONFIG];
    Container::launch(&ContainerOptions {
        server: Server::Nats,
        lifetime: Lifetime::ThisProcess,
        image: ("NATS_IMAGE", "nats:2.12-alpine"),
        inner_port: 4222,
        options: Vec::new(),
        file: Some((CONFIG, config.to_owned())),
        arguments: arguments.map(str::to_owned).to_vec(),
        url: "nats://{address}".to_owned(),
        ready,
    })
}

fn ready(url: &str) -> bool {
    let addresses = UrlParts::of(url).address(4222).to_socket_addrs();
    addresses.into_iter().flatten().find_map(Info::of).is_some_and(|info| info.jetstream)
}
