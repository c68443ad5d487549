//! The HTTP server over real sockets.

mod limits;
mod stop;
mod support;
