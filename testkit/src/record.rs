use std::fs::File;
use std::io::Write;

/// Notes which server a test really used, one line each, in the file that `UNDERPIN_TESTKIT_RECORD` names.
///
/// The test harness swallows what a passing test prints, so `cargo xtask test` reads this file after the run and says
/// it. Without the variable, servers are not recorded.
pub(crate) fn used(line: &str) {
    let Some(path) = std::env::var_os("UNDERPIN_TESTKIT_RECORD").filter(|path| !path.is_empty()) else {
        return;
    };
    // One write of a short line to a file opened for appending is not torn by other processes.
    let _noted = File::options()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
}
