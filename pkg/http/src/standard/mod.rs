//! The layers around the routes of a service, in one order.

mod body;
mod cors;
mod cors_settings;
mod durations;
mod edge;
mod guard;
mod headers;
mod health;
mod in_flight;
mod limit;
mod meters;
mod parts;
mod route_state;
mod service;
mod stack;

pub use cors_settings::CorsSettings;
pub use stack::{Standard, standard};
