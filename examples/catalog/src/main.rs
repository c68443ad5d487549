//! Entry point; everything is in the library, so that tests can use it as well.

use std::process::ExitCode;

use catalog::Settings;
use underpin_service::metadata;

fn main() -> ExitCode {
    underpin_service::run(metadata!(), Settings::loader(), catalog::build)
}
