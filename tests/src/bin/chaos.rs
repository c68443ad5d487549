//! The chaos run as a program: `chaos run --minutes 30 --seed 7`. As `chaos work` it is one of the run's own workers.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use underpin_errors::BoxError;
use underpin_tests::chaos::{Chaos, work};

/// Kills, freezes and cuts everything between PostgreSQL and NATS, and checks what must hold all the same.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
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
    /// What the schedule is made from; one of the clock's making otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// The mean time between two faults
    #[arg(long, default_value_t = 2500)]
    gap_ms: u64,
    /// Transfers per second
    #[arg(long, default_value_t = 60)]
    rate: u32,
    /// Also write the report to this file as Markdown, and beside it as JSON
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where logs go; kept after a violation. A new folder below the system's otherwise
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn main() -> ExitCode {
    let done = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(BoxError::from)
        .and_then(|runtime| {
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
            eprintln!("chaos: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<bool, BoxError> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = arguments.seed.unwrap_or(since.as_secs());
    let folder = arguments.folder.unwrap_or_else(|| {
        std::env::temp_dir().join(format!("underpin-chaos-{seed}-{}", std::process::id()))
    });
    let length = Duration::from_secs_f64(arguments.minutes * 60.0);
    eprintln!("seed {seed}, {:.1} minutes, logs in {}", arguments.minutes, folder.display());
    let report = Chaos::new(seed, length, std::env::current_exe()?, &folder)
        .gap(Duration::from_millis(arguments.gap_ms))
        .rate(arguments.rate)
        .run()
        .await?;
    let (text, json) = (report.to_markdown(), serde_json::to_string_pretty(&report)?);
    std::fs::write(folder.join("report.md"), &text)?;
    std::fs::write(folder.join("report.json"), &json)?;
    if let Some(out) = arguments.out {
        std::fs::write(out.with_extension("json"), &json)?;
        std::fs::write(out, &text)?;
    }
    println!("{text}");
    if report.is_clean() {
        std::fs::remove_dir_all(&folder)?;
    } else {
        eprintln!("the logs are kept in {}", folder.display());
    }
    Ok(report.is_clean())
}
