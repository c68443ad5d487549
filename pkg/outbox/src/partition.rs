//! Partitions of the outbox by ordering key. One relay worker owns a partition at a time, which keeps the order per key.

/// How many partitions there are. A constant of the schema: whoever writes a row and whoever reads it must agree.
pub(crate) const PARTITIONS: i16 = 32;

/// The partition of an ordering key: FNV-1a (64 bits), folded. Never changes, since it is stored with each row, in the
/// column `lane`.
pub(crate) fn partition_of(key: &str) -> i16 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of FNV are its weak ones; the fold brings the high ones in. The remainder is below 32.
    i16::try_from((hash ^ (hash >> 32)) % u64::from(PARTITIONS.unsigned_abs())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_partition_for_ever() {
        // Rows that wait in a table were written with these numbers.
        assert_eq!(["", "42", "account-7", "größe"].map(partition_of), [1, 4, 30, 4]);
    }

    #[test]
    fn keys_spread_over_all_partitions() {
        let mut counts = [0_u32; 32];
        for key in 0..32_000 {
            counts[usize::try_from(partition_of(&format!("order-{key}"))).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
}
