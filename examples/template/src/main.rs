//! Entry point; everything is in the library, so that tests can start the service as well.

use std::process::ExitCode;

use underpin_errors::{BoxError, Report};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {}", env!("CARGO_PKG_NAME"), Report(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    let settings = service::Settings::load(std::env::args().skip(1))?;
    // Flushes the log when it is dropped, which is after everything that logs.
    let log = underpin_logger::init(&settings.log)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(service::serve(&settings, log.shared()))?;
    Ok(())
}
