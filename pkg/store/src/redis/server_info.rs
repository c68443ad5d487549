//! What a server says about itself, as far as a bucket depends on it.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerInfo {
    /// Whether an append-only file keeps every write.
    pub(super) keeps_writes: bool,
    /// Whether a full server refuses writes instead of dropping entries.
    pub(super) keeps_entries: bool,
}

impl ServerInfo {
    /// Reads the answer to `INFO`: lines `name:value`.
    pub(super) fn of(text: &str) -> Self {
        let has = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
        Self { keeps_writes: has("aof_enabled:1"), keeps_entries: has("maxmemory_policy:noeviction") }
    }
}

#[cfg(test)]
mod tests {
    use super::ServerInfo;

    #[test]
    fn reads_what_matters() {
        let text = "# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:0\r\n";
        assert_eq!(ServerInfo::of(text), ServerInfo { keeps_writes: false, keeps_entries: true });
    }
}
