//! The HTTP server in a service.

mod process;
mod support;
