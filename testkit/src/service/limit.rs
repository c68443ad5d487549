use std::time::Duration;

/// Nothing that a test waits for takes this long on a healthy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
