use std::fmt;

/// A server's version, ordered by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// PostgreSQL 15.18 has the major 15.
    pub major: u32,
    /// PostgreSQL 15.18 has the minor 18, nats-server 2.15.1 has 15.
    pub minor: u32,
    /// Zero where the server does not use a third number.
    pub patch: u32,
}

impl Version {
    /// A version from its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Finds the first word of `text` that looks like a version: `postgres (PostgreSQL) 15.18 (Debian ...)`,
    /// `nats-server: v2.15.1`, `Valkey server v=9.1.2 sha=...`. A suffix (`-RC.1`, `beta2`, `devel`) is ignored.
    pub fn find_in(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(Self::from_word)
    }

    fn from_word(word: &str) -> Option<Self> {
        let word = word.strip_prefix("v=").or_else(|| word.strip_prefix('v')).unwrap_or(word);
        let mut numbers = word.split('.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part.get(..digits).and_then(|text| text.parse::<u32>().ok())
        });
        let major = numbers.next()??;
        let minor = numbers.next().flatten();
        let patch = numbers.next().flatten();
        Some(Self::new(major, minor.unwrap_or(0), patch.unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // PostgreSQL has counted with two numbers since version 10; nats-server has always used three.
        if self.major >= 10 {
            write!(f, "{}.{}", self.major, self.minor)
        } else {
            write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn reads_what_the_servers_print() {
        for (text, expected, shown) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Version::new(15, 18, 0), "15.18"),
            ("postgres (PostgreSQL) 18beta2", Version::new(18, 0, 0), "18.0"),
            ("nats-server: v2.15.1", Version::new(2, 15, 1), "2.15.1"),
            ("Redis server v=7.0.15 sha=00000000:0 bits=64", Version::new(7, 0, 15), "7.0.15"),
            ("nats-server: v2.12.0-RC.3", Version::new(2, 12, 0), "2.12.0"),
        ] {
            let version = Version::find_in(text).unwrap();
            assert_eq!(version, expected, "{text}");
            assert_eq!(version.to_string(), shown);
        }
        assert_eq!(Version::find_in("command not found"), None);
    }

    #[test]
    fn orders_by_number_not_by_text() {
        assert!(Version::new(2, 9, 10) < Version::new(2, 10, 0));
    }
}
