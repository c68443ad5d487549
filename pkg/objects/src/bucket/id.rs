use ring::rand::{SecureRandom, SystemRandom};

use crate::StoreError;

/// An unused id: 128 random bits in hexadecimal.
pub(super) fn id() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::Unavailable("the system has no random numbers".into()))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
