//! Running other programs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A task ends well or with a sentence for the one who called it.
pub(crate) type Done<T = ()> = Result<T, String>;

/// The root of the workspace, wherever the task was called.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// The cargo that called us, in the root of the workspace.
///
/// Without what `cargo run` told us about ourselves: build scripts (that of ring, for one) watch these variables, and
/// half of the graph would be built again after each change between `cargo test` and `cargo xtask test`.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_about_us) {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

fn is_about_us(name: &str) -> bool {
    let ours = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
    ours.iter().any(|prefix| name.starts_with(prefix))
}

/// Runs it in sight: prints the command, and its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Done {
    eprintln!("$ {}", shown(command));
    let status = command.status().map_err(|error| format!("cannot run {}: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("failed ({status}): {}", shown(command))) }
}

/// Runs it and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Done<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", name(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let end = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
    Err(format!("{} failed ({}): {end}", name(command), output.status))
}

/// Whether it runs and succeeds; its output is nobody's business.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the PATH.
pub(crate) fn on_path(name: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}
