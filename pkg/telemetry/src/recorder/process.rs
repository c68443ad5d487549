use std::fs;

/// The ticks of a second in `/proc`: a constant of the Linux interface.
const TICKS: f64 = 100.0;

/// What the system tells about this process; nothing where there is no `/proc`.
#[derive(Debug, Default)]
pub(super) struct ProcessStats {
    /// Whole seconds.
    pub(super) cpu_seconds: Option<u64>,
    pub(super) resident_bytes: Option<f64>,
    pub(super) open_fds: Option<f64>,
    pub(super) max_fds: Option<f64>,
    pub(super) threads: Option<f64>,
    pub(super) started_at: Option<f64>,
}

impl ProcessStats {
    pub(super) fn read() -> Self {
        let text = |name: &str| fs::read_to_string(name).unwrap_or_default();
        let (stat, status) = (text("/proc/self/stat"), text("/proc/self/status"));
        // The name of the program, in parentheses, may hold blanks; the fields behind it are numbers.
        let fields: Vec<f64> = stat
            .rsplit_once(") ")
            .map(|(_, fields)| fields.split(' ').map(|field| field.trim().parse().unwrap_or(0.0)).collect())
            .unwrap_or_default();
        // Counted from the field behind the name: 3 in proc(5).
        let field = |number: usize| fields.get(number - 3).copied();
        let of_status = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<f64>().ok()
        };
        let booted_at = text("/proc/stat").lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok());
        let ticks = field(14).zip(field(15)).map(|(user, system)| user + system);
        Self {
            cpu_seconds: ticks.map(|ticks| whole(ticks / TICKS)),
            resident_bytes: of_status("VmRSS:").map(|kib| kib * 1024.0),
            open_fds: fs::read_dir("/proc/self/fd").ok().map(|folder| f64::from(count(folder.count()))),
            max_fds: max_fds(&text("/proc/self/limits")),
            threads: of_status("Threads:"),
            started_at: field(22).zip(booted_at).map(|(ticks, boot): (f64, f64)| boot + ticks / TICKS),
        }
    }
}

fn max_fds(limits: &str) -> Option<f64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float casts with saturation")]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_this_process_are_plausible() {
        let stats = ProcessStats::read();
        assert!(stats.resident_bytes.unwrap() > 100_000.0, "{stats:?}");
        assert!(stats.open_fds.unwrap() >= 3.0 && stats.threads.unwrap() >= 1.0, "{stats:?}");
        assert!(stats.max_fds.unwrap() >= stats.open_fds.unwrap(), "{stats:?}");
        assert!(stats.started_at.unwrap() > 1_600_000_000.0 && stats.cpu_seconds.is_some(), "{stats:?}");
    }
}
