//! Pipes and terminals that say EAGAIN instead of keeping their writer waiting.
//!
//! `O_NONBLOCK` belongs to an open file description, and that of standard output is shared with the parent and with every
//! other process that inherited it, who would be surprised. So it is only set on descriptions that are opened here: Linux
//! opens what a descriptor leads to anew through `/proc/self/fd`.

use std::fs::{File, OpenOptions};

/// What `file` leads to, opened anew without waiting; `None` if it is neither a pipe nor a terminal, or if the system
/// does not allow it.
pub(super) fn opened_anew(file: &File) -> Option<File> {
    system::opened_anew(file)
}

/// For opening a file that may turn out to be a pipe or a terminal.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    system::without_waiting(&mut options);
    options
}

// The numbers of these flags differ on the few architectures that are left out.
#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "s390x"
    )
))]
mod system {
    use std::{
        fs::{File, OpenOptions},
        io::IsTerminal as _,
        os::{
            fd::AsRawFd as _,
            unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
        },
    };

    /// `asm-generic/fcntl.h`.
    const O_NONBLOCK: i32 = 0o4000;
    /// A log that is a terminal does not become the terminal that controls the service.
    const O_NOCTTY: i32 = 0o400;

    pub(super) fn without_waiting(options: &mut OpenOptions) {
        options.custom_flags(O_NONBLOCK | O_NOCTTY);
    }

    pub(super) fn opened_anew(file: &File) -> Option<File> {
        let waits = file.is_terminal() || file.metadata().is_ok_and(|is| is.file_type().is_fifo());
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        waits.then(|| super::options().write(true).open(path).ok()).flatten()
    }
}

#[cfg(not(all(
    target_os = "linux",
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "s390x"
    )
)))]
mod system {
    use std::fs::{File, OpenOptions};

    pub(super) const fn without_waiting(_: &mut OpenOptions) {}

    pub(super) const fn opened_anew(_: &File) -> Option<File> {
        None
    }
}
