//! The real binary, driven over HTTP: SQLite and a folder in most tests, NATS and S3 in `backends`.

#[cfg(test)]
mod backends;
#[cfg(test)]
mod files;
#[cfg(test)]
mod interrupted;
#[cfg(test)]
mod links;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod s3;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;

#[cfg(test)]
const BINARY: &str = env!("CARGO_BIN_EXE_files");
