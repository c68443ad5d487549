//! A `.env` file of any content: no panic, no value in a message.
#![no_main]

mod everything;

use everything::MARKER;
use libfuzzer_sys::fuzz_target;
use underpin_config::Loader;

fuzz_target!(|data: &str| {
    let path = std::env::temp_dir().join(format!("underpin-fuzz-{}.env", std::process::id()));
    // The marker stands where a value begins: behind the first `=` of each of our variables.
    let text = data.replace("APP_", "\nAPP_N=").replace("APP_N=", &format!("APP_N={MARKER}"));
    std::fs::write(&path, text).expect("a file to read");
    everything::load(&Loader::new("APP").dotenv(&path).environment([("", ""); 0]));
});
