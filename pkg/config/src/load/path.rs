//! The place of a value in a tree, as a chain of stack frames: it allocates only when it is written down.

use crate::load::key;

/// A path from the root, the innermost segment first.
#[derive(Clone, Copy)]
pub(crate) enum KeyPath<'p> {
    Root,
    Key(&'p KeyPath<'p>, &'p str),
    Index(&'p KeyPath<'p>, usize),
}

impl<'p> KeyPath<'p> {
    /// The segments from the root.
    pub(crate) fn to_vec(self) -> Vec<String> {
        let mut segments: Vec<String> = self.ancestors().filter_map(KeyPath::segment).collect();
        segments.reverse();
        segments
    }

    /// The dotted key.
    pub(crate) fn to_key(self) -> String {
        key::join(&self.to_vec())
    }

    pub(crate) fn depth(self) -> usize {
        self.ancestors().count() - 1
    }

    /// Equal for equal paths, also for the one of [`hash_of`].
    pub(crate) fn hash(self) -> u64 {
        let mut digits = [0; 20];
        self.ancestors().fold(SEED, |hash, path| match path {
            Self::Root => hash,
            Self::Key(_, key) => mix(hash, key.as_bytes()),
            Self::Index(_, index) => mix(hash, decimal(index, &mut digits)),
        })
    }

    /// The path itself, then the paths above it, up to the root.
    fn ancestors(self) -> impl Iterator<Item = KeyPath<'p>> {
        std::iter::successors(Some(self), |path| match path {
            Self::Root => None,
            Self::Key(parent, _) | Self::Index(parent, _) => Some(**parent),
        })
    }

    fn segment(self) -> Option<String> {
        match self {
            Self::Root => None,
            Self::Key(_, key) => Some(key.to_owned()),
            Self::Index(_, index) => Some(index.to_string()),
        }
    }
}

/// The hash of a path that is written down.
pub(crate) fn hash_of(path: &[String]) -> u64 {
    path.iter().rev().fold(SEED, |hash, segment| mix(hash, segment.as_bytes()))
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, with a separator behind each segment.
fn mix(hash: u64, segment: &[u8]) -> u64 {
    segment
        .iter()
        .chain(&[0xff])
        .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        start = index;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_segments_have_one_hash() {
        let root = KeyPath::Root;
        let list = KeyPath::Key(&root, "list");
        for index in [0, 7, 10, 4096, usize::MAX] {
            let item = KeyPath::Index(&list, index);
            let name = KeyPath::Key(&item, "name");
            assert_eq!(name.to_vec(), ["list".to_owned(), index.to_string(), "name".to_owned()]);
            assert_eq!(name.hash(), hash_of(&name.to_vec()));
            assert_eq!(name.depth(), 3);
        }
        assert_ne!(KeyPath::Key(&list, "a").hash(), list.hash());
    }
}
