//! `cargo xtask nats`: calls and finds services from the terminal, on the server of `NATS_URL`.

use clap::Subcommand;

use crate::shell::{Done, cargo, run};

/// What `cargo xtask nats` takes.
#[derive(Debug, Subcommand)]
pub(crate) enum Nats {
    /// Send a request and print its reply: `cargo xtask nats request orders.get '{"id": 42}'`
    Request {
        subject: String,
        /// The body; empty if left out
        json: Option<String>,
    },
    /// Print the instances of a service, or of all
    Services { name: Option<String> },
    /// Print the statistics of a service, or of all
    Stats { name: Option<String> },
    /// Print the subject permissions that a running service and its callers need
    Permissions { name: String },
}

pub(crate) fn nats(command: &Nats) -> Done {
    let (verb, arguments) = match command {
        Nats::Request { subject, json } => ("request", vec![Some(subject), json.as_ref()]),
        Nats::Services { name } => ("services", vec![name.as_ref()]),
        Nats::Stats { name } => ("stats", vec![name.as_ref()]),
        Nats::Permissions { name } => ("permissions", vec![Some(name)]),
    };
    let mut program = cargo();
    program.args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "underpin-rpc",
        "--example",
        "nats",
        "--",
        verb,
    ]);
    run(program.args(arguments.into_iter().flatten()))
}
