//! The JetStream backend on real servers.

mod acknowledging;
mod cluster;
mod conformance;
mod consuming;
mod faults;
mod order;
mod publishing;
mod denied;
mod ownership;
mod security;
mod unreadable;
