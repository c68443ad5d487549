use std::fmt;
use std::sync::Arc;

use underpin_config::Checks;
use underpin_logger::Logger;
use underpin_nats::Connection;

use crate::call_meters::CallMeters;
use crate::error::RpcError;
use crate::settings::RpcSettings;

/// Services and callers over a NATS connection, which other crates of the family may share. Clones share it.
///
/// Nothing is queued while there is no connection: a call waits for one until its deadline, and is not sent afterwards.
///
/// # Examples
/// ```no_run
/// use std::sync::Arc;
/// use underpin_errors::Error;
/// use underpin_logger::{Context, NoopLogger};
/// use underpin_nats::{Connection, NatsSettings};
/// use underpin_rpc::nats::NatsRpc;
/// use underpin_rpc::{Call, CallerExt, Host, Method, RpcSettings, Service};
///
/// const DOUBLE: Method<u32, u32> = Method::new("math", "double");
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = Connection::connect(&NatsSettings::new("nats://127.0.0.1:4222"), Arc::new(NoopLogger)).await?;
/// let rpc = NatsRpc::new(connection, RpcSettings::default(), Arc::new(NoopLogger))?;
/// let service = Service::new("math", "1.0.0").on(&DOUBLE, |n, _: Call| async move { Ok::<_, Error>(n * 2) });
/// let running = rpc.serve(service).await?;
/// assert_eq!(rpc.ask(&DOUBLE, &Context::background(), &21).await?, 42);
/// running.drain(std::time::Duration::from_secs(5)).await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct NatsRpc {
    pub(super) nats: Connection,
    pub(super) settings: RpcSettings,
    pub(super) log: Arc<dyn Logger>,
    pub(super) meters: Arc<CallMeters>,
}

impl NatsRpc {
    /// A caller and host over this connection.
    ///
    /// # Errors
    /// [`RpcError::Invalid`] names a setting that is out of range.
    pub fn new(nats: Connection, settings: RpcSettings, log: Arc<dyn Logger>) -> Result<Self, RpcError> {
        if let Some(failure) = Checks::of(&settings).failures().first() {
            return Err(RpcError::invalid(format!("setting `{}` {}", failure.key(), failure.message())));
        }
        Ok(Self { nats, settings, log, meters: Arc::default() })
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.nats
    }
}

impl fmt::Debug for NatsRpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsRpc")
            .field("connection", &self.nats)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
