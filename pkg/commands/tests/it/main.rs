//! The public API of the crate.

#[cfg(test)]
mod arguments;
#[cfg(test)]
mod remote;
