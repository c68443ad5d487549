//! Variables of any name and any text: no panic, no value in a message.
#![no_main]

mod everything;

use everything::MARKER;
use libfuzzer_sys::fuzz_target;
use underpin_config::Loader;

fuzz_target!(|data: &str| {
    let pairs = data.split('\0').filter_map(|pair| pair.split_once('='));
    // Every third value carries the marker; the others may be what a type wants.
    let variables = pairs.enumerate().map(|(index, (name, text))| {
        let marker = if index % 3 == 0 { MARKER } else { "" };
        (format!("APP_{}", name.to_uppercase()), format!("{text}{marker}"))
    });
    let variables: Vec<(String, String)> = variables.filter(|(name, _)| !name.contains(MARKER)).collect();
    everything::load(&Loader::new("APP").environment(variables));
});
