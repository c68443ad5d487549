//! A place in a tree, kept on the stack: it costs nothing until somebody wants to read it.

use crate::load::key;

/// A path from the root, as a chain of stack frames.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    Root,
    Key(&'p Path<'p>, &'p str),
    Index(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The segments from the root.
    pub(crate) fn to_vec(self) -> Vec<String> {
        let mut segments = match self {
            Self::Root => return Vec::new(),
            Self::Key(parent, _) | Self::Index(parent, _) => parent.to_vec(),
        };
        match self {
            Self::Root => {}
            Self::Key(_, key) => segments.push(key.to_owned()),
            Self::Index(_, index) => segments.push(index.to_string()),
        }
        segments
    }

    /// The dotted key.
    pub(crate) fn to_key(self) -> String {
        key::join(&self.to_vec())
    }

    pub(crate) fn depth(self) -> usize {
        match self {
            Self::Root => 0,
            Self::Key(parent, _) | Self::Index(parent, _) => parent.depth() + 1,
        }
    }
}
