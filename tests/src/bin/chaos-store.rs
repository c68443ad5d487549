//! The chaos run of a store as a program: `chaos-store run --minutes 30 --seed 7`, and of its locks alone: `chaos-store rounds --rounds 10000`.
//! As `chaos-store work` it is one of its workers.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use underpin_errors::BoxError;
use underpin_tests::store_chaos::{StoreChaos, work};

/// Kills, freezes and cuts everything around a store, and compares what is there with what was acknowledged.
#[derive(Debug, Parser)]
#[command(name = "chaos-store")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Do a run and print its report; the exit code says whether every promise held
    Run {
        /// How long faults are done
        #[arg(long, default_value_t = 1.0)]
        minutes: f64,
        /// The mean time between two faults
        #[arg(long, default_value_t = 1500)]
        gap_ms: u64,
        #[command(flatten)]
        common: Common,
    },
    /// Take locks only, with holders that are killed and frozen and whose clocks jump
    Rounds {
        /// How many locks are taken
        #[arg(long, default_value_t = 1000)]
        rounds: u64,
        /// How long that may take
        #[arg(long, default_value_t = 60.0)]
        minutes: f64,
        #[command(flatten)]
        common: Common,
    },
    /// Be a worker; the driver starts these
    Work,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// What the faults are made from; one of the clock's making otherwise
    #[arg(long)]
    seed: Option<u64>,
    /// Also write the report to this file as Markdown, and beside it as JSON
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(BoxError::from).and_then(|runtime| runtime.block_on(run(Cli::parse().task))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chaos-store: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(task: Task) -> Result<bool, BoxError> {
    let common = match &task {
        Task::Run { common, .. } | Task::Rounds { common, .. } => common,
        Task::Work => return work().await.map(|()| true),
    };
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = common.seed.unwrap_or(since.as_secs());
    let folder = std::env::temp_dir().join(format!("underpin-chaos-store-{seed}-{}", std::process::id()));
    let chaos = StoreChaos::new(std::env::current_exe()?, &folder, seed);
    let minutes = |minutes: f64| Duration::from_secs_f64(minutes * 60.0);
    let report = match &task {
        Task::Rounds { rounds, minutes: most, .. } => chaos.rounds(*rounds, minutes(*most)).await?,
        Task::Run { minutes: length, gap_ms, .. } => {
            chaos.run(minutes(*length), Duration::from_millis(*gap_ms)).await?
        }
        Task::Work => return Ok(false),
    };
    let (text, json) = (report.to_markdown(), serde_json::to_string_pretty(&report)?);
    if let Some(out) = &common.out {
        std::fs::write(out.with_extension("json"), json + "\n")?;
        std::fs::write(out, &text)?;
    }
    println!("{text}");
    let is_clean = report.violations.is_empty();
    if is_clean {
        std::fs::remove_dir_all(&folder)?;
    } else {
        eprintln!("what the workers said is in {}", folder.display());
    }
    Ok(is_clean)
}
