use std::{
    array,
    cell::Cell,
    collections::hash_map::RandomState,
    hash::BuildHasher as _,
    time::{Duration, SystemTime},
};

/// What the numbers of a thread are made from. Threads share nothing, so that they do not wait for each other.
struct Source {
    key: RandomState,
    count: Cell<u64>,
}

thread_local! {
    static SOURCE: Source = Source { key: RandomState::new(), count: Cell::new(0) };
}

/// Unpredictable numbers. Each very likely differs from all others, of this process and of every other.
///
/// They are keyed hashes (the standard library's `SipHash` under a random key of the thread) of a counter and of `now`, the time since
/// the epoch, which tells a process from its copy by a fork or a snapshot. That spares the crate a random number generator. They name
/// things; they keep no secret.
pub(crate) fn numbers<const N: usize>(now: Duration) -> [u64; N] {
    SOURCE.with(|source| {
        array::from_fn(|_| {
            let count = source.count.get();
            source.count.set(count.wrapping_add(1));
            source.key.hash_one((count, now.subsec_nanos()))
        })
    })
}

#[inline]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Writes the low digits of a number, at most 16, in lower-case hex.
pub(crate) fn write_hex(number: u64, room: &mut [u8]) {
    let [high, low] = [(number >> 32) as u32, number as u32].map(hex_digits);
    let digits = [high, low];
    let digits = digits.as_flattened();
    if let Some(last) = digits.get(digits.len().saturating_sub(room.len())..)
        && room.len() == last.len()
    {
        room.copy_from_slice(last);
    }
}

/// The eight digits of a number, computed all at once: a byte of the word for each.
const fn hex_digits(number: u32) -> [u8; 8] {
    let word = number as u64;
    let word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    let word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    let word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = (word + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101;
    (word + 0x3030_3030_3030_3030 + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_are_those_of_the_standard_library() {
        let [random] = numbers(since_epoch());
        for number in [0, 9, 0xa, 0xdead_beef, 0x0123_4567_89ab_cdef, u64::MAX, random] {
            let mut room = [b'-'; 16];
            write_hex(number, &mut room);
            assert_eq!(std::str::from_utf8(&room).unwrap(), format!("{number:016x}"));
            write_hex(number, &mut room[..4]);
            assert_eq!(std::str::from_utf8(&room[..4]).unwrap(), format!("{:04x}", number & 0xffff));
        }
    }

    #[test]
    fn numbers_differ_also_between_threads_at_the_same_time() {
        let now = Duration::from_secs(1);
        let threads: Vec<_> =
            (0..4).map(|_| std::thread::spawn(move || numbers::<1000>(now).to_vec())).collect();
        let all: Vec<u64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!((all.len(), different.len()), (4000, 4000));
    }
}
