use std::{
    cell::Cell,
    fmt,
    fs::File,
    io::{self, IsTerminal as _, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use super::nonblocking;

/// What a sink writes to: standard output, standard error, a file, a descriptor or any writer.
pub struct Output {
    writer: Box<dyn Write + Send>,
    path: Option<PathBuf>,
    terminal: bool,
    /// A descriptor that was made elsewhere, such as standard output as the process was given it.
    given: Option<File>,
}

impl Output {
    /// The process's standard output, unbuffered: the sink decides when to write.
    ///
    /// # Errors
    ///
    /// When the handle cannot be duplicated, for example because standard output is closed.
    pub fn stdout() -> io::Result<Self> {
        Self::standard(&io::stdout())
    }

    /// The process's standard error, unbuffered.
    ///
    /// # Errors
    ///
    /// As [`Output::stdout`].
    pub fn stderr() -> io::Result<Self> {
        Self::standard(&io::stderr())
    }

    /// A file, appended to and created if it is not there.
    ///
    /// # Errors
    ///
    /// What opening the file reports. On Linux a named pipe without a reader is refused (ENXIO) instead of waited for.
    pub fn file(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let file = append(&path)?;
        let terminal = file.is_terminal();
        Ok(Self { writer: Box::new(file), path: Some(path), terminal, given: None })
    }

    /// A descriptor that is open already: a `UnixStream` or `TcpStream` to a collector, the end of a pipe.
    ///
    /// A [`DirectSink`](super::DirectSink) does not wait for it, as it does not for standard output. What the descriptor's other
    /// users see does not change.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be duplicated.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{BufRead as _, BufReader};
    /// use std::os::unix::net::UnixStream;
    /// use underpin_logger::{Context, JsonFormat, SlogLogger, info, sink::{DirectSink, Output}};
    ///
    /// let (stream, collector) = UnixStream::pair()?;
    /// let sink = DirectSink::new(Output::descriptor(stream)?);
    /// let log = SlogLogger::json(JsonFormat::new()).sink(sink).build();
    /// info!(log, &Context::background(), "order accepted");
    /// let mut line = String::new();
    /// BufReader::new(collector).read_line(&mut line)?;
    /// assert!(line.contains("order accepted"));
    /// # std::io::Result::Ok(())
    /// ```
    #[cfg(unix)]
    pub fn descriptor(descriptor: impl Into<std::os::fd::OwnedFd>) -> io::Result<Self> {
        let file = File::from(descriptor.into());
        let terminal = file.is_terminal();
        Self::given(file, terminal)
    }

    /// Any writer. It should not buffer; if it does, its `flush` is called after each batch.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self { writer: Box::new(writer), path: None, terminal: false, given: None }
    }

    /// Whether a person is probably looking.
    pub const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The same output, which says that it is full instead of keeping its writer waiting, where the system offers that.
    pub(super) fn nonblocking(mut self) -> Self {
        if let Some(writer) = self.given.take().and_then(nonblocking::nonblocking) {
            self.writer = writer;
        }
        self
    }

    /// One attempt to write, retried only when a signal interrupted it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match catching(|| self.writer.write(bytes)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) if !bytes.is_empty() => return Err(io::ErrorKind::WriteZero.into()),
                done => return done,
            }
        }
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        catching(|| self.writer.flush())
    }

    /// For a file, opens its path again.
    pub(crate) fn reopen(&mut self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.writer = Box::new(append(path)?);
        }
        Ok(())
    }

    #[cfg(unix)]
    fn standard<S: std::os::fd::AsFd + io::IsTerminal>(stream: &S) -> io::Result<Self> {
        Self::given(stream.as_fd().try_clone_to_owned()?.into(), stream.is_terminal())
    }

    #[cfg(windows)]
    fn standard<S: std::os::windows::io::AsHandle + io::IsTerminal>(stream: &S) -> io::Result<Self> {
        Self::given(stream.as_handle().try_clone_to_owned()?.into(), stream.is_terminal())
    }

    fn given(file: File, terminal: bool) -> io::Result<Self> {
        let given = Some(file.try_clone()?);
        Ok(Self { writer: Box::new(file), path: None, terminal, given })
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("path", &self.path)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

/// A writer of the user that panics has failed, no more; the sink goes on.
fn catching<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    IS_WRITING.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_WRITING.set(false);
    done.unwrap_or_else(|_| Err(io::Error::other("log output panicked")))
}

thread_local! {
    static IS_WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is writing to an output right now: what it logs then cannot go the same way.
pub(crate) fn inside_output() -> bool {
    IS_WRITING.get()
}

fn append(path: &Path) -> io::Result<File> {
    nonblocking::options().append(true).create(true).open(path)
}
