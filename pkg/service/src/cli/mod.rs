//! The command line: `serve`, `config`, and the operator commands that components offer.
//!
//! `arguments` reads the words, `config` answers what needs no component, `operator` opens components and runs a command, and `remote` asks the
//! running service for a command that only it can run.

mod arguments;
mod config;
mod console;
mod operator;
mod remote;
mod standard;

use std::ffi::OsString;

use underpin_config::Loader;
use underpin_errors::Error;

use crate::commands::CommandSpec;
use crate::serve::serve;
use crate::{Metadata, ServiceSettings, Start};

use self::arguments::Request;
pub(crate) use self::console::Console;

/// Runs what the arguments ask for. Returns the exit code.
pub(crate) fn run<S, B>(
    metadata: Metadata,
    loader: Loader,
    commands: &[CommandSpec],
    arguments: Vec<OsString>,
    build: B,
    console: &mut Console<'_>,
) -> u8
where
    S: ServiceSettings,
    B: AsyncFnOnce(&mut Start<S>) -> Result<(), Error>,
{
    let (request, settings) = match arguments::parse(&metadata, commands, arguments) {
        Ok(parsed) => parsed,
        Err(told) => return told.print(console),
    };
    let loader = loader.args(&settings);
    match request {
        Request::Serve => serve(metadata, loader, build),
        Request::Config(action) => config::run::<S>(&metadata, &loader, action, console),
        Request::Operator(wanted) => operator::run(metadata, &loader, &wanted, build, console),
    }
}
