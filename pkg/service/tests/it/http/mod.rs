//! The HTTP server over real sockets, and the layers of `standard`.

mod cors;
mod grpc;
mod limits;
mod process;
mod standard;
mod stop;
mod support;
mod tls;
