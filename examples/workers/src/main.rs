//! Entry point; everything is in the library, so that tests can start the service as well.

use std::process::ExitCode;

use underpin_service::metadata;
use workers::Settings;

fn main() -> ExitCode {
    underpin_service::run(metadata!(), Settings::loader(), workers::build)
}
