//! The command line: `serve`, `config`, and the operator commands that components offer.
//!
//! [`parse`] reads the words, `config` answers what needs no component, and `operator` opens components and runs a command.

mod config;
mod console;
mod operator;

use std::ffi::OsString;

use underpin_commands::cli::{Request, parse};
use underpin_config::Loader;
use underpin_errors::Error;

use crate::commands::CommandSpec;
use crate::exit_code::{MISUSE, SUCCESS};
use crate::serve::serve;
use crate::{Metadata, ServiceSettings, Start};

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
    let (request, settings) = match parse(&metadata.name, &metadata.version, commands, arguments) {
        Ok(parsed) => parsed,
        Err(told) if told.is_refusal => return console.refuse(&told.text, MISUSE),
        Err(help) => return console.print(&help.text, SUCCESS),
    };
    let loader = loader.args(&settings);
    match request {
        Request::Serve => serve(metadata, loader, build),
        Request::Config(action) => config::run::<S>(&metadata, &loader, action, console),
        Request::Operator(wanted) => operator::run(metadata, &loader, &wanted, build, console),
    }
}
