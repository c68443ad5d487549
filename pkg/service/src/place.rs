use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Where the database of the service keeps its data: what decides about the journal of a bus in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataPlace(Arc<OnceLock<Place>>);

/// See [`DataPlace`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the memory of this process: gone with it.
    Memory,
    /// In this file.
    File(PathBuf),
    /// On a server, which other machines use as well.
    Server,
}

impl DataPlace {
    /// Set by the first database that is opened.
    pub(crate) fn set(&self, place: Place) {
        // Of two databases the first one counts.
        let _second = self.0.set(place);
    }

    pub(crate) fn get(&self) -> Option<&Place> {
        self.0.get()
    }
}

/// The journal of the bus in memory: the file of the database, and `.events`.
pub(crate) fn journal_beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".events");
    path.into()
}

/// The same path from every working directory.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
