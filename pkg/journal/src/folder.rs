use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of a journal: a rename is permanent once the folder is synced. Only Unix can open folders.
pub(crate) struct Folder(Option<File>);

impl Folder {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if cfg!(unix) { File::open(folder).map(|folder| Self(Some(folder))) } else { Ok(Self(None)) }
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// The file of this name with one more extension.
pub(crate) fn beside(path: &Path, extension: &str) -> PathBuf {
    path.with_added_extension(extension)
}
