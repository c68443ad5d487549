use std::sync::Arc;

use rustix::process::{Signal, getpid, kill_process};
use underpin_logger::{Context, Logger, info};

/// Kills this process with SIGKILL.
pub(super) fn crash(log: &Arc<dyn Logger>) {
    info!(log, &Context::background(), "worker kills itself here");
    // The process ends before this returns.
    let _gone = kill_process(getpid(), Signal::KILL);
}
