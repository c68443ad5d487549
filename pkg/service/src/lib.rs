//! The runtime of a service: `main` in a dozen lines that starts in order, stops in order, and says how it is.
//!
//! For services that run under an orchestrator: that must lose nothing when they are stopped, must not look healthy when they are not, and
//! should not carry 200 lines of wiring for it.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use underpin_config::{Checks, Loader, Validate};
//! use underpin_logger::LoggerSettings;
//! use underpin_service::{LifecycleSettings, ServiceSettings, Start, metadata};
//! # #[derive(Clone)] struct Database;
//! # #[async_trait::async_trait]
//! # impl underpin_service::Component for Database {
//! #     fn name(&self) -> &str { "database" }
//! #     async fn stop(&self, _: underpin_service::Deadline) -> underpin_service::Stopped { underpin_service::Stopped::Clean }
//! # }
//! # async fn open() -> Result<Database, underpin_errors::Error> { Ok(Database) }
//! # struct Http(Database);
//! # #[async_trait::async_trait]
//! # impl underpin_service::Component for Http {
//! #     fn name(&self) -> &str { "http" }
//! #     async fn stop(&self, _: underpin_service::Deadline) -> underpin_service::Stopped { underpin_service::Stopped::Clean }
//! # }
//!
//! #[derive(Default, serde::Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Settings {
//!     log: LoggerSettings,
//!     service: LifecycleSettings,
//! }
//!
//! impl Validate for Settings {
//!     fn validate(&self, checks: &mut Checks) {
//!         checks.nested("service", &self.service);
//!     }
//! }
//!
//! impl ServiceSettings for Settings {
//!     fn logger(&self) -> LoggerSettings {
//!         self.log.clone()
//!     }
//!
//!     fn lifecycle(&self) -> LifecycleSettings {
//!         self.service.clone()
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     underpin_service::run(metadata!(), Loader::new("ORDERS"), async |start: &mut Start<Settings>| {
//!         let database = start.plugin(open().await?).await?;
//!         start.traffic(Http(database));
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # The parts
//!
//! * [`Component`]: what is started and stopped. [`part_fn`] makes one of closures, for foreign types; [`Plugin`] lets the handle differ from the component.
//! * [`Start`]: where the closure of [`run`] registers components, checks, tasks and hooks.
//! * [`OnEnd`]: what follows when a task of [`Start::supervise`] ends.
//! * [`LifecycleSettings`]: limits, runtime threads and the admin listener.
//! * [`Gate`] and [`ServiceState`]: what servers ask while the service drains.
//! * [`TestService`](testing::TestService): the whole service inside of a test, with signals by hand.
//!
//! # Exit codes
//!
//! 0: stopped in order, also when work was cut off, which is logged and counted. 1: could not start, or a supervised task ended it. 2: wrong
//! settings or arguments. 130 and 143: a second SIGINT or SIGTERM came before the stop was done.

mod admin;
#[cfg(feature = "commands")]
mod cli;
pub mod commands;
mod component;
mod counted;
#[cfg(feature = "database")]
mod database;
mod deadline;
mod engine;
#[cfg(feature = "events")]
mod events;
mod exit_code;
#[cfg(feature = "grpc")]
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "jobs")]
mod jobs;
mod metadata;
mod meters;
mod metrics_page;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "objects")]
mod objects;
mod opening;
#[cfg(feature = "outbox")]
mod outbox;
mod panics;
mod part_fn;
#[cfg_attr(
    not(all(feature = "database", any(feature = "events", feature = "objects", feature = "store"))),
    allow(dead_code, reason = "for the journals of the bus and of buckets, and folders of objects")
)]
mod place;
mod plugin;
mod readiness;
mod reload;
#[cfg(feature = "rpc")]
mod rpc;
mod serve;
mod service;
mod settings;
mod signals;
mod spawner;
mod start;
mod state;
mod stop;
mod stopped;
#[cfg(feature = "store")]
mod store;
mod supervise;
#[cfg(feature = "telemetry")]
mod telemetry;
pub mod testing;

#[cfg(feature = "http")]
pub use self::http::{Http, HttpSettings};
pub use component::Component;
#[cfg(feature = "database")]
pub use database::{OpenDatabase, database};
pub use deadline::Deadline;
pub use engine::Ended;
#[cfg(feature = "events")]
pub use events::{Bus, Consumer, OpenBus};
#[cfg(feature = "jobs")]
pub use jobs::{OpenJobs, WorkersPart, jobs, workers};
pub use metadata::Metadata;
#[cfg(feature = "nats")]
pub use nats::{Nats, OpenNats};
#[cfg(feature = "objects")]
pub use objects::{ObjectStore, OpenObjectStore};
pub use opening::Opening;
#[cfg(feature = "outbox")]
pub use outbox::{OpenOutbox, outbox};
pub use part_fn::{PartFn, part_fn};
pub use plugin::{Opened, Plugin};
#[cfg(feature = "rpc")]
pub use rpc::{OpenRpc, Rpc, RpcService};
pub use service::{Service, run};
pub use settings::{AdminSettings, LifecycleSettings, RuntimeSettings, ServiceSettings};
pub use signals::Signal;
pub use spawner::Spawner;
pub use start::Start;
pub use state::{Gate, ServiceState};
pub use stop::Stop;
pub use stopped::Stopped;
#[cfg(feature = "store")]
pub use store::{OpenStore, Store};
pub use supervise::{OnEnd, RestartPolicy};
#[cfg(feature = "telemetry")]
pub use telemetry::{TelemetryPlugin, telemetry};
#[cfg(feature = "telemetry")]
pub use underpin_telemetry::{Telemetry, TelemetrySettings};

#[cfg(all(doctest, feature = "commands"))]
#[doc = include_str!("../README.md")]
struct Readme;
