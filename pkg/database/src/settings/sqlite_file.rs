use std::path::PathBuf;

use super::{DatabaseSettings, DatabaseUrl, url::SqlitePlace};

impl DatabaseSettings {
    /// The file of a SQLite database, as its URL names it: relative to the working directory, percent signs decoded. None for a
    /// database in memory, for PostgreSQL, and for a URL that is not valid.
    ///
    /// For what belongs beside the file: its folder, which SQLite does not create, a journal, a lock.
    ///
    /// # Examples
    /// ```
    /// use std::path::Path;
    /// use underpin_database::DatabaseSettings;
    ///
    /// let settings = DatabaseSettings::new("sqlite:data/orders.db?mode=rwc");
    /// assert_eq!(settings.sqlite_file().as_deref(), Some(Path::new("data/orders.db")));
    /// assert_eq!(DatabaseSettings::new("sqlite::memory:").sqlite_file(), None);
    /// assert_eq!(DatabaseSettings::new("postgres://db/orders").sqlite_file(), None);
    /// ```
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        match DatabaseUrl::parse(self.url.expose()) {
            Ok(DatabaseUrl::Sqlite(url)) => match url.place {
                SqlitePlace::File(path) => Some(path),
                SqlitePlace::Memory => None,
            },
            Ok(DatabaseUrl::Postgres(_)) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_a_sqlite_url_with_a_path_has_a_file() {
        for (url, file) in [
            ("sqlite:data/orders.db", "data/orders.db"),
            ("sqlite:///var/lib/orders.db?mode=rwc", "/var/lib/orders.db"),
            ("sqlite:orders%3F.db", "orders?.db"),
        ] {
            assert_eq!(DatabaseSettings::new(url).sqlite_file().as_deref(), Some(Path::new(file)), "{url}");
        }
        for url in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite://x?mode=memory",
            "sqlite:",
            "postgres://host/orders",
        ] {
            assert_eq!(DatabaseSettings::new(url).sqlite_file(), None, "{url}");
        }
    }
}
