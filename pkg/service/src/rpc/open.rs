use std::sync::Arc;

use async_trait::async_trait;
use underpin_errors::{Error, ResultExt as _};
use underpin_rpc::memory::MemoryRpc;
use underpin_rpc::nats::NatsRpc;
use underpin_rpc::{Caller, Host, RpcSettings, Service};

use super::RpcService;
use crate::{Component, Deadline, Nats, Opened, Opening, Plugin, Stopped};

/// Request-reply of a service: over NATS where it has a connection, otherwise inside of this process. Clones share it.
///
/// # Examples
/// ```
/// use serde::{Deserialize, Serialize};
/// use underpin_errors::Error;
/// use underpin_logger::Context;
/// use underpin_rpc::{Call, CallerExt as _, Method, RpcSettings, Service};
/// use underpin_service::testing::TestService;
/// use underpin_service::{Ended, Nats, Rpc};
///
/// #[derive(Serialize, Deserialize)]
/// struct Add { a: i64, b: i64 }
/// const ADD: Method<Add, i64> = Method::new("math", "add");
///
/// async fn add(q: Add, _: Call) -> Result<i64, Error> {
///     Ok(q.a + q.b)
/// }
///
/// # #[tokio::main] async fn main() {
/// let opened = std::sync::OnceLock::new();
/// let ended = TestService::new(RpcSettings::default())
///     .run(
///         async |start| {
///             let settings = start.settings();
///             let rpc = start.plugin(Rpc::open(&Nats::default(), &settings)).await?; // or &bus.nats()
///             start.traffic(rpc.service(Service::new("math", "1.0.0").on(&ADD, add)));
///             opened.set(rpc).ok();
///             Ok(())
///         },
///         async |_| {
///             let caller = opened.get().unwrap().caller();
///             assert_eq!(caller.ask(&ADD, &Context::background(), &Add { a: 2, b: 3 }).await.unwrap(), 5);
///         },
///     )
///     .await;
/// assert!(matches!(ended, Ended::Clean { .. }));
/// # }
/// ```
#[derive(Clone)]
pub struct Rpc {
    caller: Arc<dyn Caller>,
    host: Arc<dyn Host>,
    is_embedded: bool,
}

impl Rpc {
    /// Calls and services over this connection; without one, inside of this process.
    pub fn open(nats: &Nats, settings: &RpcSettings) -> OpenRpc {
        OpenRpc { nats: nats.clone(), settings: settings.clone() }
    }

    /// Calls services.
    pub fn caller(&self) -> Arc<dyn Caller> {
        Arc::clone(&self.caller)
    }

    /// A service as traffic: it gets requests once traffic starts, and is drained with it. Its health is the name of the service; trouble
    /// makes the whole service degraded, not unready.
    pub fn service(&self, service: Service) -> RpcService {
        RpcService::new(Arc::clone(&self.host), service, self.is_embedded)
    }

    /// Whether its services are in this process: no other one reaches them.
    pub fn is_embedded(&self) -> bool {
        self.is_embedded
    }
}

impl std::fmt::Debug for Rpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rpc").field("is_embedded", &self.is_embedded).finish_non_exhaustive()
    }
}

/// See [`Rpc::open`].
#[derive(Debug)]
#[must_use = "pass it to Start::plugin"]
pub struct OpenRpc {
    nats: Nats,
    settings: RpcSettings,
}

impl Plugin for OpenRpc {
    type Handle = Rpc;

    async fn open(self, at: &Opening) -> Result<Opened<Rpc>, Error> {
        let log = Arc::clone(&at.log);
        let rpc = match self.nats.connection() {
            Some(connection) => {
                let rpc =
                    NatsRpc::new(connection.clone(), self.settings, log).context("set up calls over NATS")?;
                Rpc { caller: Arc::new(rpc.clone()), host: Arc::new(rpc), is_embedded: false }
            }
            None => {
                let rpc = MemoryRpc::new().logger(log).settings(self.settings);
                Rpc { caller: Arc::new(rpc.clone()), host: Arc::new(rpc), is_embedded: true }
            }
        };
        Ok(Opened::new(rpc.clone(), rpc))
    }
}

/// Holds nothing: the connection is closed by its own component.
#[async_trait]
impl Component for Rpc {
    #[expect(clippy::unnecessary_literal_bound, reason = "the trait's signature")]
    fn name(&self) -> &str {
        "rpc"
    }

    async fn stop(&self, _: Deadline) -> Stopped {
        Stopped::Clean
    }
}
