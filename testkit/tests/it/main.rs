//! The test kit, used as a test uses it.

#[cfg(test)]
mod eventually;
#[cfg(test)]
mod pooler;
#[cfg(test)]
mod proxy;
