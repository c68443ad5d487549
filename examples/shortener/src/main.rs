//! Entry point; everything is in the library, so that tests can start the service as well.

use std::process::ExitCode;

use shortener::Settings;
use underpin_service::metadata;

fn main() -> ExitCode {
    underpin_service::run(metadata!(), Settings::loader(), shortener::build)
}
