//! Reads a text file as it is on disk at one moment.

use std::io::{self, Read};
use std::path::Path;

use crate::{Issue, IssueKind};

/// No configuration file is larger than this: 8 MiB. A larger one is a mistake in the path.
pub(super) const MAX_FILE: u64 = 8 << 20;

/// Reads a text file as it is on disk at one moment: when its size or time changes meanwhile, it is read again. The error
/// says why it cannot be read.
pub(super) fn read_text(path: &Path, limit: u64) -> Result<String, String> {
    let bytes = read_settled(path, limit).map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The issue of a source that cannot be read.
pub(crate) fn unreadable(path: &Path, message: String) -> Issue {
    Issue::new(IssueKind::Unreadable, "", message).in_file(path, None)
}

fn read_settled(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    const ATTEMPTS: usize = 8;
    for _ in 0..ATTEMPTS {
        let before = std::fs::metadata(path)?;
        if !before.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        if before.len() > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it is larger than {limit} bytes"),
            ));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default() + 1);
        std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
        let after = std::fs::metadata(path)?;
        let same = before.len() == after.len() && before.modified().ok() == after.modified().ok();
        if same && u64::try_from(bytes.len()).is_ok_and(|length| length == after.len()) {
            return Ok(bytes);
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "it keeps changing while it is read"))
}
