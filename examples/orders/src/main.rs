//! Entry point; everything is in the library, so that tests can start the service as well.

fn main() -> std::process::ExitCode {
    orders::main()
}
