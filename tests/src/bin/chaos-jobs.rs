//! The chaos run of jobs as a program: `chaos-jobs run --minutes 30 --seed 7`. As `chaos-jobs work` it is one of its workers.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use underpin_errors::BoxError;
use underpin_tests::jobs_chaos::{JobsChaos, work};

/// Kills and freezes workers and PostgreSQL, and compares the effects of jobs with what was committed.
#[derive(Debug, Parser)]
#[command(name = "chaos-jobs")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Do a run and print its report; the exit code says whether every promise held
    Run(Arguments),
    /// Be a worker; the driver starts these
    Work,
}

#[derive(Debug, clap::Args)]
struct Arguments {
    /// How long faults are done
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// What the faults are made from; one of the clock's making otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// The mean pause between two faults
    #[arg(long, default_value_t = 2500)]
    gap_ms: u64,
    /// Jobs per second
    #[arg(long, default_value_t = 60)]
    rate: u32,
    /// Also write the report to this file, as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done = runtime.map_err(BoxError::from).and_then(|runtime| {
        runtime.block_on(async {
            match Cli::parse().task {
                Task::Work => work().await.map(|()| true),
                Task::Run(arguments) => run(arguments).await,
            }
        })
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos-jobs: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, BoxError> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let chaos = JobsChaos {
        program: std::env::current_exe()?,
        length: Duration::from_secs_f64(arguments.minutes * 60.0),
        seed: arguments.seed.unwrap_or(since.as_secs()),
        gap: Duration::from_millis(arguments.gap_ms),
        rate: arguments.rate,
    };
    let report = chaos.run().await?;
    let text = serde_json::to_string_pretty(&report)?;
    println!("{text}");
    if let Some(out) = &arguments.out {
        std::fs::write(out, text + "\n")?;
    }
    Ok(report.violations.is_empty())
}
