//! The sources, each in its own file; every one yields a [`Layer`](crate::load::layer::Layer).

pub(crate) mod defaults;
mod depth;
pub(crate) mod dotenv;
mod dotenv_reader;
pub(crate) mod dynamic;
mod lines;
pub(crate) mod secrets_dir;
pub(crate) mod text_file;
pub(crate) mod toml;
pub(crate) mod variables;
