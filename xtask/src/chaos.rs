//! `cargo xtask chaos`: the proof of the outbox and the inbox, or of the jobs, as long as you like.

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
    /// How long faults are done
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
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
}

pub(crate) fn chaos(chaos: &Chaos) -> Done {
    let (program, servers): (&str, &[Server]) = match chaos.subject {
        Subject::Outbox => ("chaos", &[Server::Postgres, Server::Nats]),
        Subject::Jobs => ("chaos-jobs", &[Server::Postgres]),
    };
    for server in servers {
        println!("{}", fetch::find_or_fetch(*server)?);
    }
    let mut command = cargo();
    // The root of the workspace is where cargo runs; a file is meant from where we were called.
    let out = chaos.out.as_ref().map(std::path::absolute).transpose();
    let out = out.map_err(|error| format!("cannot tell where --out leads: {error}"))?;
    command.args(["run", "--locked", "--package", "underpin-tests", "--bin", program, "--", "run"]);
    command.arg("--minutes").arg(chaos.minutes.to_string());
    command.args(chaos.seed.iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
    if let Some(out) = &out {
        command.arg("--out").arg(out);
    }
    run(command.args(&chaos.rest))
}
