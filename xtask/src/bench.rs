//! `cargo xtask bench`.

use crate::shell::{Done, cargo, run};

pub(crate) fn bench(arguments: &[String]) -> Done {
    run(cargo().args(["bench", "--locked", "--package", "underpin-benches"]).args(arguments))
}
