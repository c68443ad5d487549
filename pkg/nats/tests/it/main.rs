//! The connection against real servers.
