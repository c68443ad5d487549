//! A TOML file of any content: no panic; a string that holds the marker is in no message.
#![no_main]

mod everything;

use everything::MARKER;
use libfuzzer_sys::fuzz_target;
use underpin_config::Loader;

fuzz_target!(|data: &str| {
    let path = std::env::temp_dir().join(format!("underpin-fuzz-{}.toml", std::process::id()));
    let text = format!("n = \"{MARKER}\"\nc = [\"{MARKER}\"]\n{data}");
    std::fs::write(&path, text).expect("a file to read");
    everything::load(&Loader::new("APP").file(&path).environment([("", ""); 0]));
});
