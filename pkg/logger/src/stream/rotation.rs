use std::io;
use std::path::Path;

use logroller::{LogRollerBuilder, Rotation, RotationAge, RotationSize, TimeZone};
use serde::{Deserialize, Serialize};
use underpin_config::{ByteSize, Checks, Validate};

use crate::sink::Output;

/// When a log file is rotated, and how many old files are kept.
///
/// The process rotates its own file. Where logrotate or another tool moves it, leave this out and call
/// [`SlogLogger::reopen`](crate::SlogLogger::reopen) on SIGHUP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RotationSettings {
    /// When the next file begins.
    pub every: RotationEvery,
    /// How many old files are kept, from 1 to 10,000. Older ones are removed.
    pub keep: u32,
}

/// When the next log file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RotationEvery {
    /// At midnight in UTC; each file has the date at the end of its name.
    Day,
    /// At each full hour; each file has date and hour at the end of its name.
    Hour,
    /// Before the file would exceed this size, from 64KiB to 1TiB. The old files end in `.1`, the latest, `.2` and so on.
    Size(ByteSize),
}

const SIZES: std::ops::RangeInclusive<u64> = 64 * 1024..=1024 * 1024 * 1024 * 1024;

impl RotationSettings {
    /// Keeps 14 old files.
    pub fn new(every: RotationEvery) -> Self {
        Self { every, keep: 14 }
    }

    /// Sets how many old files are kept.
    #[must_use]
    pub fn keep(self, keep: u32) -> Self {
        Self { keep, ..self }
    }

    /// A file that is rotated.
    pub(super) fn output(&self, path: &Path) -> io::Result<Output> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let rotation = match self.every {
            RotationEvery::Day => Rotation::AgeBased(RotationAge::Daily),
            RotationEvery::Hour => Rotation::AgeBased(RotationAge::Hourly),
            RotationEvery::Size(size) => Rotation::SizeBased(RotationSize::Bytes(size.bytes())),
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let roller = LogRollerBuilder::new(folder.unwrap_or(Path::new(".")), Path::new(name))
            .rotation(rotation)
            .time_zone(TimeZone::UTC)
            .max_keep_files(self.keep.into())
            .build();
        Ok(Output::writer(roller.map_err(io::Error::other)?))
    }
}

impl Default for RotationSettings {
    fn default() -> Self {
        Self::new(RotationEvery::Day)
    }
}

impl Validate for RotationSettings {
    fn validate(&self, checks: &mut Checks) {
        checks.ensure((1..=10_000).contains(&self.keep), "keep", "must be from 1 to 10000");
        let fits = !matches!(self.every, RotationEvery::Size(size) if !SIZES.contains(&size.bytes()));
        checks.ensure(fits, "every", "must be a size from 64KiB to 1TiB");
    }
}
