//! The JetStream backend on real servers.

mod acknowledging;
mod cluster;
mod conformance;
mod consuming;
mod denied;
mod faults;
mod order;
mod ownership;
mod publishing;
mod security;
mod unreadable;
