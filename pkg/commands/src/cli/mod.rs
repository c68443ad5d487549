//! The command line with clap (feature `cli`).
//!
//! [`parse`] reads the words of an operator: `serve`, `config`, the standard commands and those of the service. [`run`] runs an offer here or in
//! the running service.

mod arguments;
mod remote;
mod standard;

pub use self::arguments::{ConfigAction, OperatorRequest, ReferenceForm, Request, Told, parse};
pub use self::remote::{AdminAddress, run};
