use std::sync::Arc;
use std::time::Duration;

use underpin_logger::NoopLogger;
use underpin_nats::{Connection, NatsSettings, ReconnectSettings};
use underpin_rpc::RpcSettings;
use underpin_rpc::nats::NatsRpc;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A caller and host with a connection of its own, and short limits, so that a fault is over soon.
pub(crate) async fn connect(url: &str) -> NatsRpc {
    let settings = NatsSettings::new(url)
        .connect_timeout(LIMIT)
        .request_timeout(Duration::from_secs(10))
        .ping_interval(Duration::from_millis(500))
        .reconnect(ReconnectSettings::new(Duration::from_millis(20), Duration::from_millis(200)));
    let connection = Connection::connect(&settings, Arc::new(NoopLogger)).await.expect("connected");
    NatsRpc::new(connection, RpcSettings::default(), Arc::new(NoopLogger)).expect("valid settings")
}
