//! How records lie in the file: length and CRC-32 of the body, four bytes each, little endian, then the body.

/// The first bytes of a journal, with the number of its format.
pub(super) const MAGIC: &[u8; 8] = b"UPJRNL01";
const HEAD: usize = 8;

/// Appends a record to a buffer.
pub(super) fn write(buffer: &mut Vec<u8>, body: &[u8]) {
    // Bodies are as large as an event may be, which is far below 4 GiB.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&crc32(body).to_le_bytes());
    buffer.extend_from_slice(body);
}

/// What lies at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A whole record and what follows it.
    Whole(&'a [u8], &'a [u8]),
    /// The end.
    End,
    /// The beginning of a record, as a process leaves it that dies while it writes.
    Torn,
    /// A record with another body than was written, and whole ones behind it: no crash leaves that.
    Damaged,
}

pub(super) fn read(bytes: &[u8]) -> Frame<'_> {
    if bytes.is_empty() {
        return Frame::End;
    }
    match split(bytes) {
        Some((body, sum, rest)) if crc32(body) == sum && !body.is_empty() => Frame::Whole(body, rest),
        Some((_, _, rest)) if matches!(split(rest), Some((body, sum, _)) if crc32(body) == sum && !body.is_empty()) => {
            Frame::Damaged
        }
        _ => Frame::Torn,
    }
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
        let mut bytes = Vec::new();
        write(&mut bytes, b"first");
        let boundary = bytes.len();
        write(&mut bytes, b"second");
        let Frame::Whole(b"first", rest) = read(&bytes) else { panic!("a whole record") };
        assert_eq!(read(rest), Frame::Whole(b"second", b""));
        assert_eq!(read(b""), Frame::End);
        for cut in boundary + 1..bytes.len() {
            assert_eq!(read(&bytes[boundary..cut]), Frame::Torn, "cut at {cut}");
        }
        for position in 0..boundary {
            let mut changed = bytes.clone();
            changed[position] ^= 0x40;
            assert!(!matches!(read(&changed), Frame::Whole(b"first", _)), "byte {position}");
        }
        bytes[HEAD] ^= 1;
        assert_eq!(read(&bytes), Frame::Damaged);
        // What a file system leaves of blocks that were never written.
        assert_eq!(read(&[0; 64]), Frame::Torn);
    }
}
