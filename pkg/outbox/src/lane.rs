//! Lanes: what one relay works on alone, so that order per key needs no further care.

/// How many lanes there are. A constant of the schema: whoever writes a row and whoever reads it must agree.
pub(crate) const LANES: i16 = 32;

/// The lane of an ordering key: FNV-1a (64 bits), folded. Never changes, since it is stored with each row.
pub(crate) fn lane_of(key: &str) -> i16 {
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of FNV are its weak ones; the fold brings the high ones in. The remainder is below 32.
    i16::try_from((hash ^ (hash >> 32)) % u64::from(LANES.unsigned_abs())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_lane_for_ever() {
        // Rows that wait in somebody's table were written with these numbers.
        assert_eq!(["", "42", "account-7", "größe"].map(lane_of), [1, 4, 30, 4]);
    }

    #[test]
    fn keys_spread_over_all_lanes() {
        let mut counts = [0_u32; 32];
        for key in 0..32_000 {
            counts[usize::try_from(lane_of(&format!("order-{key}"))).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
    }
}
