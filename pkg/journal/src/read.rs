use serde::de::DeserializeOwned;

use crate::JournalError;
use crate::frame::{self, Frame};

/// Passes every whole record to `each`, and returns where they end.
pub(crate) fn read<R: DeserializeOwned>(
    bytes: &[u8],
    each: &mut impl FnMut(R) -> Result<(), JournalError>,
) -> Result<u64, JournalError> {
    let Some(mut rest) = bytes.strip_prefix(frame::MAGIC) else {
        // A process that dies while it creates the file leaves a part of the first bytes.
        return if frame::MAGIC.starts_with(bytes) { Ok(0) } else { Err(JournalError::Foreign) };
    };
    loop {
        let at = bytes.len() - rest.len();
        match frame::read(rest) {
            Frame::Whole(body, after) => {
                each(serde_json::from_slice(body).map_err(JournalError::record)?)?;
                rest = after;
            }
            Frame::End | Frame::Torn => return Ok(at as u64),
            Frame::Damaged => return Err(JournalError::Damaged { at }),
        }
    }
}
