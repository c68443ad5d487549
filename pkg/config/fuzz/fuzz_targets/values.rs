//! One text for every kind of field, and the parsers of durations and sizes: no panic, and what they read they write back.
#![no_main]

mod everything;

use libfuzzer_sys::fuzz_target;
use underpin_config::{ByteSize, Loader, duration};

fuzz_target!(|data: &str| {
    if let Ok(parsed) = duration::parse(data) {
        assert_eq!(duration::parse(&duration::format(parsed)), Ok(parsed));
    }
    if let Ok(size) = data.parse::<ByteSize>() {
        assert_eq!(size.to_string().parse(), Ok(size));
    }
    for key in [
        "n", "f", "b", "c", "l", "m", "p", "e", "e.two", "a", "d", "s", "t", "k", "k.kind", "x", "flat",
        "t.l.0",
    ] {
        everything::load(&Loader::new("APP").environment([("", ""); 0]).set(key, data));
    }
    everything::load(&Loader::new("APP").environment([("", ""); 0]).set(data, "1"));
    everything::load(&Loader::new("APP").environment([("", ""); 0]).overrides([data]));
});
