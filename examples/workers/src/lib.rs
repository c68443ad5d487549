//! Three ways to hand work over to a service, and what each promises.
//!
//! ```text
//!  ask and wait          math.calculate  ─► rpc, at most once, an answer
//!  hand over and forget  email.send      ─► rpc queue group, at most once, no answer
//!  hand over for certain payment.process ─► events, at least once, charged once
//!                        POST /jobs      ─► jobs in the database, at least once, each step once, with progress
//! ```
//!
//! Read it in this order:
//! - [`build`]: the components of the service, in the order of their start
//! - `math`: a question with an answer
//! - `mail`: a message that may be lost
//! - `payment`: an event that must not be, and a gateway that may charge and then hang
//! - `job`: three kinds of jobs, whose steps and progress commit together
//! - `http`: all of it over HTTP, with progress as server-sent events, a page, and `openapi.json`
//! - [`Settings`]

mod build;
mod http;
mod job;
mod mail;
mod math;
mod payment;
mod settings;
mod tables;

pub use build::build;
pub use settings::{GatewaySettings, Settings, SimulationSettings};
