use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes from the system.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], crate::StoreError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| crate::StoreError::Unavailable("the system has no random numbers".into()))?;
    Ok(bytes)
}

/// An even enough number below a limit, for jitter only.
pub(crate) fn below(limit: u64) -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0);
    if STATE.load(Ordering::Relaxed) == 0 {
        let seed = bytes::<8>().map_or(1, u64::from_le_bytes);
        STATE.store(seed | 1, Ordering::Relaxed);
    }
    // SplitMix64 (Steele, Lea and Flood, 2014).
    let mut z = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) % limit.max(1)
}
