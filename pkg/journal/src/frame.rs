//! The format of the file: for each record the length and the CRC-32 of its body, four bytes each, little endian, then the body.

/// The first bytes of a journal, with the number of its format.
pub(crate) const MAGIC: &[u8; 8] = b"UPJRNL01";
const HEAD: usize = 8;

/// Appends a record to a buffer.
pub(crate) fn write(buffer: &mut Vec<u8>, body: &[u8]) {
    // Larger bodies were refused before.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&crc32(body).to_le_bytes());
    buffer.extend_from_slice(body);
}

/// The first record of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole record and what follows it.
    Whole(&'a [u8], &'a [u8]),
    /// The end.
    End,
    /// A part of a record, as a process leaves it that dies while it writes.
    Torn,
    /// No whole record, and whole ones after it: no process that dies leaves that.
    Damaged,
}

/// Reads the first record. Only where there is none, the bytes after it are searched.
pub(crate) fn read(bytes: &[u8]) -> Frame<'_> {
    match whole(bytes) {
        Some((body, rest)) => Frame::Whole(body, rest),
        None if bytes.is_empty() => Frame::End,
        None if hides_a_record(bytes) => Frame::Damaged,
        None => Frame::Torn,
    }
}

/// Whether a whole record begins anywhere after the first byte. A length may be damaged, so every position is tried.
///
/// A torn record hides none: its body is JSON, where no byte is below that of a tab, and every length below 144 MiB has
/// such a byte. What is no length of a record, or no body by its first and last byte, costs nothing; so checksums are
/// computed for next to none but whole records. Bytes that cost more than a few times their number were not torn off a
/// record.
fn hides_a_record(bytes: &[u8]) -> bool {
    let mut affordable = bytes.len().saturating_mul(8);
    for start in 1..bytes.len() {
        let Some((body @ [b'{', .., b'}'], sum, _)) = bytes.get(start..).and_then(split) else { continue };
        match affordable.checked_sub(body.len()) {
            Some(left) if crc32(body) != sum => affordable = left,
            _ => return true,
        }
    }
    false
}

fn whole(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    split(bytes)
        .filter(|(body, sum, _)| !body.is_empty() && crc32(body) == *sum)
        .map(|(body, _, rest)| (body, rest))
}

fn split(bytes: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (length, sum) = head.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let sum = u32::from_le_bytes(*sum.first_chunk::<4>()?);
    let (body, rest) = rest.split_at_checked(length)?;
    Some((body, sum, rest))
}

/// CRC-32 as in IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        let index = usize::from(sum.to_le_bytes()[0] ^ byte);
        TABLE.get(index).copied().unwrap_or_default() ^ (sum >> 8)
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler, within bounds"
)]
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn every_cut_is_a_torn_tail_and_every_changed_byte_is_found() {
        let bodies: [&[u8]; 3] = [b"{1}", b"{22}", b"{333}"];
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for body in bodies {
            starts.push(bytes.len());
            write(&mut bytes, body);
        }
        let mut rest = &*bytes;
        for expected in bodies {
            let Frame::Whole(body, after) = read(rest) else { panic!("a whole record") };
            assert_eq!(body, expected);
            rest = after;
        }
        assert_eq!(read(rest), Frame::End);
        for cut in starts[2] + 1..bytes.len() {
            assert_eq!(read(&bytes[starts[2]..cut]), Frame::Torn, "cut at {cut}");
        }
        for position in 0..starts[1] {
            for flip in 1..=u8::MAX {
                let mut changed = bytes.clone();
                changed[position] ^= flip;
                assert_eq!(read(&changed), Frame::Damaged, "byte {position} with {flip}");
                // Nor does it matter what became of the next one.
                changed[starts[1]..starts[2]].fill(flip);
                assert_eq!(read(&changed), Frame::Damaged, "byte {position} with {flip}, and the next");
            }
        }
        // What a file system leaves of blocks that were never written.
        assert_eq!(read(&[0; 64]), Frame::Torn);
    }

    /// Bytes that look like heads of long records everywhere would take the square of their number to check.
    #[test]
    fn looking_for_records_takes_no_longer_than_there_are_bytes() {
        const SIZE: u32 = 1 << 20;
        let length = (SIZE / 2 - 4).to_le_bytes();
        let bytes: Vec<u8> = length.into_iter().chain(*b"sum.{}{}").cycle().take(1 << 20).collect();
        assert!(matches!(split(&bytes), Some(([b'{', .., b'}'], _, _))));
        // No record is there; this is what is said where looking was given up.
        assert_eq!(read(&bytes), Frame::Damaged);
    }
}
