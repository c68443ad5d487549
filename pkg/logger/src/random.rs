use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// An unpredictable number that differs from all others of this process and, very likely, of every other.
///
/// It is the keyed hash (the standard library's `SipHash` under the operating system's random key) of a counter and
/// the clock, which spares the crate a random number generator. It names things; it keeps no secret.
pub(crate) fn next_u64() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    KEY.get_or_init(RandomState::new).hash_one((count, since_epoch().subsec_nanos()))
}

/// A random number that is not zero, as W3C trace and span ids require.
pub(crate) fn next_nonzero_u64() -> u64 {
    next_u64().max(1)
}

#[inline]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Writes the low digits of a number, as many as there is room for, in lower-case hex.
pub(crate) fn write_hex(mut number: u64, room: &mut [u8]) {
    for digit in room.iter_mut().rev() {
        let [low, ..] = number.to_le_bytes();
        *digit = match low & 0xf {
            low @ 0..=9 => b'0' + low,
            low => b'a' + low - 10,
        };
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_are_those_of_the_standard_library() {
        for number in [0, 9, 0xa, 0xdead_beef, u64::MAX, next_u64()] {
            let mut room = [b'-'; 16];
            write_hex(number, &mut room);
            assert_eq!(std::str::from_utf8(&room).unwrap(), format!("{number:016x}"));
            write_hex(number, &mut room[..4]);
            assert_eq!(std::str::from_utf8(&room[..4]).unwrap(), format!("{:04x}", number & 0xffff));
        }
    }
}
