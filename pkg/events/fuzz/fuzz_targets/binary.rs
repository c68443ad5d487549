//! Any headers and any body as an event in binary mode: no panic, and what is read survives being written in either mode.
//!
//! The input is a header a line, `name:value`, up to an empty line, and then the body.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use underpin_events::Event;

fuzz_target!(|data: &[u8]| {
    let (head, body) = match data.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    let Ok(event) = Event::from_binary(headers, Bytes::copy_from_slice(body)) else { return };

    let message = event.to_binary();
    let written = message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    assert_eq!(Event::from_binary(written, message.body.clone()).expect("what is written can be read"), event);

    let json = event.to_json();
    assert_eq!(Event::from_json(&json).expect("what is written can be read").to_json(), json);
});
