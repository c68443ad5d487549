//! The tasks of the project: `cargo xtask test | check | demo | bench | build-times | chaos | new | up | down | nats | doctor`.
//!
//! `cargo xtask test` is the one command that passes the tests on a fresh machine: it finds or fetches PostgreSQL and
//! nats-server ([`fetch`]) and runs `cargo test --workspace --locked`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod bench;
mod budget;
mod build_times;
mod chaos;
mod check;
mod deep;
mod doctor;
mod examples;
mod fetch;
mod guard;
mod local;
mod nats;
mod ops;
mod outside;
mod shell;
mod structure;
mod template;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The tasks of the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Find or fetch the servers and run all tests: those of the workspace, of an outside user and of a fresh service
    Test {
        /// Only find or fetch the servers
        #[arg(long)]
        fetch_only: bool,
        /// Run against a pinned nats-server: 2.10, 2.12 or 2.15
        #[arg(long, value_name = "VERSION")]
        nats: Option<String>,
        /// Also the tests of the examples with foreign clients, or with a browser; what they need is installed
        #[arg(long, value_enum, value_delimiter = ',', value_name = "PART")]
        with: Vec<examples::With>,
        /// Handed to `cargo test` instead of --workspace, for example: -p underpin-events -- outbox
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Formatting, lints, docs and crate budgets, with warnings as errors
    Check(check::Check),
    /// Start the servers of an example, the example itself, and run its tour
    Demo {
        /// The folder in examples/
        name: String,
    },
    /// Measure side by side with peers, and write docs/benchmarks.md
    Bench(bench::Bench),
    /// Measure cold and warm builds of each crate, and write docs/build-times.md
    BuildTimes(build_times::BuildTimes),
    /// Kill, freeze and cut everything around the outbox at random, and check what must hold all the same
    Chaos(chaos::Chaos),
    /// Make a new service from examples/template
    New(template::New),
    /// Start PostgreSQL and NATS and print their URLs: with docker compose, or local ones where there is no engine
    Up {
        /// Local servers also where there is Docker
        #[arg(long)]
        local: bool,
    },
    /// Stop what `up` started; the data stays
    Down,
    /// Call and find services on the server of `NATS_URL`
    #[command(subcommand)]
    Nats(nats::Nats),
    /// Print what was found, what is missing and how to get it
    Doctor,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test { fetch_only, nats, with, arguments } => {
            test::test(fetch_only, nats.as_deref(), &with, &arguments)
        }
        Task::Demo { name } => examples::demo(&name),
        Task::Check(wanted) => check::check(&wanted),
        Task::Bench(wanted) => bench::bench(&wanted),
        Task::BuildTimes(wanted) => build_times::build_times(&wanted),
        Task::Chaos(arguments) => chaos::chaos(&arguments),
        Task::New(wanted) => template::new(&wanted),
        Task::Up { local } => local::up(local),
        Task::Down => local::down(),
        Task::Nats(command) => nats::nats(&command),
        Task::Doctor => doctor::doctor(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
