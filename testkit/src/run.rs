use crate::process::{ProcessId, Stat};

/// Whose life the shared servers follow: the outermost ancestor named `cargo` or `cargo-nextest`.
///
/// `cargo test` runs each test binary in a process of its own and nextest each test, so no test process can own what
/// they share. Without such an ancestor (a test binary started by hand or by a debugger) the run is this process.
pub(crate) fn owner_of_run() -> ProcessId {
    outermost_cargo(std::process::id(), Stat::read).and_then(ProcessId::of).unwrap_or_else(ProcessId::current)
}

fn outermost_cargo(mut pid: u32, stat: impl Fn(u32) -> Option<Stat>) -> Option<u32> {
    let mut outermost = None;
    // A parent that is hidden (another pid namespace, hidepid) ends the walk.
    while let Some(found) = stat(pid).filter(|_| pid > 0) {
        if matches!(found.name.as_str(), "cargo" | "cargo-nextest") {
            outermost = Some(pid);
        }
        pid = found.parent;
    }
    outermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_cargo_owns_the_run() {
        let tree = |pid| {
            let (name, parent) = match pid {
                9 => ("orders-1f2e", 8),
                8 => ("cargo", 7),
                7 => ("xtask", 6),
                6 => ("cargo", 5),
                5 => ("bash", 1),
                1 => ("init", 0),
                _ => return None,
            };
            Stat::parse(&format!("{pid} ({name}) S {parent} 1 1 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 5 2"))
        };
        assert_eq!(outermost_cargo(9, tree), Some(6));
        assert_eq!(outermost_cargo(5, tree), None);
    }
}
