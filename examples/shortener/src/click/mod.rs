//! Clicks: events that are stored before the visitor is sent on, and their projection in the database.

mod clicks;
mod consumer;
mod event;
mod projection;
mod stats;

pub(crate) use clicks::Clicks;
pub(crate) use consumer::ClickConsumer;
pub(crate) use event::{LinkClicked, LinkCreated};
pub(crate) use projection::insert;
pub(crate) use stats::{LinkStats, Today, newest, of_code, of_link, today};
