//! Structured JSON, there and back to a typed payload.

use std::error::Error;
use std::hint::black_box;

use cloudevents::{AttributesReader, EventBuilder, EventBuilderV10};
use underpin_benches::Comparison;
use underpin_events::Event;

use crate::sample::{Placed, event, placed};

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    let ours = event(1);
    let written: serde_json::Value = serde_json::from_slice(&ours.to_json())?;
    let time = written.get("time").and_then(serde_json::Value::as_str).ok_or("the builder sets a time")?;
    let theirs = EventBuilderV10::new()
        .id("1")
        .ty("order.placed")
        .source("/orders")
        .subject("o-1")
        .time(time)
        .data("application/json", serde_json::to_value(placed())?)
        .build()?;
    assert_eq!(theirs.ty(), ours.ty());
    let (json, their_json) = (ours.to_json(), serde_json::to_vec(&theirs)?);
    assert_eq!(Event::from_json(&their_json)?.id(), "1", "each reads what the other wrote");

    Comparison::new("encode an event as structured JSON", "event")
        .contender("cloudevents-sdk", || serde_json::to_vec(black_box(&theirs)))
        .contender("underpin", || black_box(&ours).to_json())
        .print();
    Comparison::new("decode structured JSON to a typed payload", "event")
        .contender("cloudevents-sdk", || {
            let event: cloudevents::Event = serde_json::from_slice(black_box(&their_json))?;
            match event.data() {
                Some(cloudevents::Data::Json(data)) => serde_json::from_value::<Placed>(data.clone()),
                _ => Err(serde::de::Error::custom("the payload is JSON")),
            }
        })
        .contender("underpin", || Event::from_json(black_box(&json)).and_then(|event| event.json::<Placed>()))
        .print();
    Ok(())
}
