//! The orders service, for the tests of this package.

fn main() -> std::process::ExitCode {
    orders::main()
}
