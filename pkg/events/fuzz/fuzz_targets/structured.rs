//! Any bytes as a structured event, as a batch and in the flat form: no panic, and what is read survives being written.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use underpin_events::{Event, batch_from_json, batch_to_json};

fuzz_target!(|data: &[u8]| {
    for event in [Event::from_json(data), Event::from_json_or_flat(data)].into_iter().flatten() {
        let json = event.to_json();
        // Not as a `Value`: data may hold numbers that no float can, and keeps them.
        let written: BTreeMap<String, &RawValue> = serde_json::from_slice(&json).expect("what is written is JSON");
        let id: String = serde_json::from_str(written["id"].get()).expect("a text");
        assert_eq!(id, event.id());
        assert_eq!(Event::from_json(&json).expect("what is written can be read"), event);
        // Whatever was read may be changed and built again, or says why not.
        drop(event.clone().into_builder().id("another").build());

        let message = event.to_binary();
        let fits = |value: &str| value.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        assert!(message.headers.iter().all(|(name, value)| fits(name) && fits(value)), "{message:?}");
        let headers = message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // JSON data of a type that is not JSON, and the other way round, need not be readable in the other mode.
        if let Ok(again) = Event::from_binary(headers, message.body.clone()) {
            assert_eq!((again.id(), again.source(), again.ty()), (event.id(), event.source(), event.ty()));
            assert_eq!(again.subject(), event.subject());
            assert_eq!(again.message_id(), event.message_id());
        }
    }
    if let Ok(events) = batch_from_json(data) {
        assert_eq!(batch_from_json(&batch_to_json(&events)).expect("what is written can be read"), events);
    }
});
