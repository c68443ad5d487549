//! What the doc tests of `docs/recipes/` need beside the code of the pages.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

/// How long anything may take, also on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A page of `docs/recipes/`, by its name without the extension.
pub fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/recipes").join(name).with_extension("md")
}

/// The text of the first block of this language in a page, such as `toml`.
///
/// # Panics
/// When there is none.
#[allow(clippy::expect_used, reason = "it fails the test of the page")]
pub fn block(name: &str, language: &str) -> String {
    let text = std::fs::read_to_string(page(name)).expect("the page is there");
    let fence = format!("```{language}\n");
    let block = text.split_once(&fence).and_then(|(_, rest)| rest.split_once("```"));
    block.expect("the page has such a block").0.to_owned()
}

/// Runs a service in this process, and `operator` on a thread beside it; when that is done, or fails, the service gets a SIGTERM. Returns
/// what the service returned.
///
/// # Panics
/// When the operator does.
pub fn with_operator<T>(service: impl FnOnce() -> T, operator: impl FnOnce() + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        let _stops = StopsService;
        operator();
    });
    let ended = service();
    thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    ended
}

/// Sends this process a signal.
///
/// # Panics
/// When the signal is refused.
#[allow(clippy::expect_used, reason = "it fails the test of the page")]
pub fn signal(signal: Signal) {
    kill_process(getpid(), signal).expect("a process may signal itself");
}

/// Stops the service when the operator is done, a panic included.
struct StopsService;

impl Drop for StopsService {
    fn drop(&mut self) {
        signal(Signal::TERM);
    }
}
