//! Non-blocking writes to pipes, terminals and sockets: they fail with EAGAIN when the output is full.
//!
//! `O_NONBLOCK` belongs to an open file description, and standard output shares its description with the parent and with
//! every other process that inherited it. So the flag is only set on descriptions opened here: Linux reopens the target of a
//! descriptor through `/proc/self/fd`. A socket cannot be reopened; there each call passes `MSG_DONTWAIT`.

use std::{
    fs::{File, OpenOptions},
    io::Write,
};

/// A non-blocking writer to the target of `file`; `None` if that is neither pipe nor terminal nor socket, or if the system
/// cannot reopen it.
pub(super) fn nonblocking(file: File) -> Option<Box<dyn Write + Send>> {
    system::nonblocking(file)
}

/// For opening a file that may turn out to be a pipe or a terminal.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    system::set_nonblocking(&mut options);
    options
}

#[cfg(unix)]
mod system {
    use std::{
        fs::{File, OpenOptions},
        io::{self, IsTerminal as _, Write},
        os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    };

    use socket2::SockRef;

    pub(super) fn set_nonblocking(options: &mut OpenOptions) {
        // A log that is a terminal does not become the terminal that controls the service.
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }

    pub(super) fn nonblocking(file: File) -> Option<Box<dyn Write + Send>> {
        let kind = file.metadata().ok()?.file_type();
        if kind.is_socket() {
            Some(Box::new(Socket(file)))
        } else if kind.is_fifo() || file.is_terminal() {
            reopened(&file).map(|file| Box::new(file) as _)
        } else {
            None
        }
    }

    #[cfg(target_os = "linux")]
    fn reopened(file: &File) -> Option<File> {
        use std::os::fd::AsRawFd as _;

        super::options().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
    }

    /// Elsewhere `/dev/fd` leads to the same description, or to nothing.
    #[cfg(not(target_os = "linux"))]
    const fn reopened(_: &File) -> Option<File> {
        None
    }

    struct Socket(File);

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
            // Rust's programs ignore SIGPIPE from the start, so the second flag only matters to a `main` that is not Rust's.
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            const FLAGS: i32 = libc::MSG_DONTWAIT;

            SockRef::from(&self.0).send_with_flags(bytes, FLAGS)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(not(unix))]
mod system {
    use std::{
        fs::{File, OpenOptions},
        io::Write,
    };

    pub(super) const fn set_nonblocking(_: &mut OpenOptions) {}

    pub(super) fn nonblocking(_: File) -> Option<Box<dyn Write + Send>> {
        None
    }
}
