use crate::load::key;

/// The keys that a reload changed, in the order of the alphabet, and which of them take effect with the next start only.
///
/// A key names a value, or a list as a whole; keys that were added or removed count as changed. Values are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    keys: Vec<String>,
    restart: Vec<String>,
}

impl Changed {
    pub(super) fn new(keys: Vec<String>, live: &[&str]) -> Self {
        let restart = keys.iter().filter(|key| !live.iter().any(|live| covers(live, key))).cloned().collect();
        Self { keys, restart }
    }

    /// Every changed key.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Those that [`Validate::live_keys`](crate::Validate::live_keys) does not list: the settings have the new value, and what was
    /// built from the old one keeps it until the next start.
    pub fn needs_restart(&self) -> &[String] {
        &self.restart
    }
}

/// Whether `key` is `live` or lies below it, in any spelling.
fn covers(live: &str, key: &str) -> bool {
    let mut below = key::segments(key).map(key::folded);
    key::segments(live).all(|segment| below.next() == Some(key::folded(segment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_key_covers_what_lies_below_it_in_any_spelling() {
        let keys = ["log.level", "logger", "maxOpen", "pool.size", "pool_size"].map(str::to_owned).to_vec();
        let changed = Changed::new(keys, &["log", "max_open", "pool.size"]);
        assert_eq!(changed.needs_restart(), ["logger", "pool_size"]);
        assert_eq!(changed.keys().len(), 5);
    }
}
