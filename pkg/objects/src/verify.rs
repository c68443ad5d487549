use ring::digest::{Context, SHA256};

use crate::{ObjectDigest, ObjectInfo, StoreError};

/// Compares data that is read with what is known of it.
pub(crate) struct Verify {
    size: u64,
    digest: Option<ObjectDigest>,
    /// Of a whole object.
    context: Option<Context>,
    read: u64,
}

impl Verify {
    /// Of a whole object, or of a part, of which only the size is limited.
    pub(crate) fn new(info: &ObjectInfo, whole: bool) -> Self {
        Self { size: info.size, digest: info.digest, context: whole.then(|| Context::new(&SHA256)), read: 0 }
    }

    /// Takes a chunk. The last one is an error where the whole is not what was stored.
    pub(crate) fn take(&mut self, chunk: &[u8]) -> Result<(), StoreError> {
        self.read += chunk.len() as u64;
        if self.read > self.size {
            return Err(StoreError::Corrupt("the object is larger than its metadata says".into()));
        }
        let Some(mut context) = self.context.take() else { return Ok(()) };
        context.update(chunk);
        if self.read < self.size {
            self.context = Some(context);
            return Ok(());
        }
        match self.digest {
            Some(digest) if digest != ObjectDigest::from_ring(context.finish()) => {
                Err(StoreError::Corrupt("the object has another digest than its metadata says".into()))
            }
            _ => Ok(()),
        }
    }
}
