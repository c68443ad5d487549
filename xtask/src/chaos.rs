//! `cargo xtask chaos`: the proof of the outbox and the inbox, of the jobs, or of a store, as long as you like.

use std::path::PathBuf;

use underpin_testkit::Server;

use crate::fetch;
use crate::shell::{Done, cargo, run};

/// What `cargo xtask chaos` takes; the rest goes to the program as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Chaos {
    /// What is to survive
    #[arg(value_enum, default_value = "outbox")]
    subject: Subject,
    /// How long faults are done, or how long the rounds of locks may take; one minute, or an hour
    #[arg(long)]
    minutes: Option<f64>,
    /// What the schedule of faults is made from; one of the clock's making otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// Also write the report to this file as Markdown, and beside it as JSON
    #[arg(long)]
    out: Option<PathBuf>,
    /// Handed to the program, for example: --gap-ms 1000 --rate 100
    #[arg(last = true)]
    rest: Vec<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Subject {
    /// The outbox, the relay and the inbox
    Outbox,
    /// Jobs, workers and cron
    Jobs,
    /// A store: values, watches, locks, sessions and limits
    Store,
    /// The locks of a store alone: -- --rounds 10000
    Locks,
}

pub(crate) fn chaos(chaos: &Chaos) -> Done {
    let (program, task, servers): (&str, &str, &[Server]) = match chaos.subject {
        Subject::Outbox => ("chaos", "run", &[Server::Postgres, Server::Nats]),
        Subject::Jobs => ("chaos-jobs", "run", &[Server::Postgres]),
        Subject::Store => ("chaos-store", "run", &[Server::Nats]),
        Subject::Locks => ("chaos-store", "rounds", &[Server::Nats]),
    };
    for server in servers {
        println!("{}", fetch::find_or_fetch(*server)?);
    }
    let mut command = cargo();
    // The root of the workspace is where cargo runs; a file is meant from where we were called.
    let out = chaos.out.as_ref().map(std::path::absolute).transpose();
    let out = out.map_err(|error| format!("cannot tell where --out leads: {error}"))?;
    command.args(["run", "--locked", "--package", "underpin-tests", "--bin", program, "--", task]);
    command.args(chaos.minutes.iter().flat_map(|minutes| ["--minutes".to_owned(), minutes.to_string()]));
    command.args(chaos.seed.iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
    if let Some(out) = &out {
        command.arg("--out").arg(out);
    }
    run(command.args(&chaos.rest))
}
