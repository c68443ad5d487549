//! The events of this service. Both carry the whole link, so that a reader needs no bucket.

use serde::{Deserialize, Serialize};
use underpin_events::{Event, InvalidEventError, TypedEvent};
use underpin_logger::Context;

use crate::link::Link;

/// A link was stored. One event a link, with an id of the link: a repeat is the same event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LinkCreated(pub(crate) Link);

/// Somebody was sent to the target of a link. Each click has an id of its own: two clicks of one visitor are two.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LinkClicked(pub(crate) Link);

impl TypedEvent for LinkCreated {
    const TYPE: &'static str = "link.created";
}

impl TypedEvent for LinkClicked {
    const TYPE: &'static str = "link.clicked";
}

impl LinkCreated {
    /// # Errors
    /// None that a valid link can cause; the event is checked against CloudEvents all the same.
    pub(crate) fn event(link: &Link, ctx: &Context) -> Result<Event, InvalidEventError> {
        let id = format!("created-{}", link.id);
        Event::typed("/shortener", &Self(link.clone())).id(id).subject(&link.code).caused_by(ctx).build()
    }
}

impl LinkClicked {
    /// # Errors
    /// As of [`LinkCreated::event`].
    pub(crate) fn event(link: &Link, ctx: &Context) -> Result<Event, InvalidEventError> {
        Event::typed("/shortener", &Self(link.clone())).subject(&link.code).caused_by(ctx).build()
    }
}
