//! The HTTP server in a service.

mod grpc;
mod process;
mod support;
