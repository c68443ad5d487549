//! Outputs that are not read: no call to the log blocks for longer than documented, lost lines are counted, and logging goes
//! on once the output is read again.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value as Json;
use underpin_logger::{
    Context, JsonFormat, SlogLogger, info,
    sink::{BufferedSink, DirectSink, Output, Overflow, Sink},
};

const LIMIT: Duration = Duration::from_secs(10);
/// What one call may take: 50 ms of patience, and the delays of a busy machine.
const BOUND: Duration = Duration::from_secs(2);

/// Logs into `descriptor`, whose other end nobody reads at first.
fn stand_still(descriptor: impl Into<OwnedFd>, reader: impl Read + Send + 'static) {
    let sink = DirectSink::new(Output::descriptor(descriptor).unwrap());
    let log = SlogLogger::json(JsonFormat::new()).sink(sink).build();
    let text = "x".repeat(4000);
    let mut said = 0;
    let mut say = || {
        let started = Instant::now();
        info!(log, &Context::background(), "record", n = said, text);
        assert!(started.elapsed() < BOUND, "a call took {:?}", started.elapsed());
        said += 1;
    };
    while log.dropped() == 0 {
        say();
    }
    let (lost, started) = (log.dropped(), Instant::now());
    (0..1000).for_each(|_| say());
    assert!(started.elapsed() < BOUND, "nobody waits twice: {:?}", started.elapsed());
    // A connection has a buffer at each end, and the system moves on what waits between them when it comes to it: some more may
    // find room. Whether each is there or counted is seen at the end.
    assert!(log.dropped() > lost, "nobody reads, and all found room");

    let told = Arc::new(AtomicU64::new(0));
    let reader = thread::spawn({
        let told = Arc::clone(&told);
        move || {
            let lines = BufReader::new(reader).lines().map(Result::unwrap);
            let lines = lines.map(|line| serde_json::from_str::<Json>(&line).expect("a torn line"));
            let seen = lines.inspect(|line| {
                told.fetch_add(line["dropped"].as_u64().unwrap_or_default(), Ordering::Relaxed);
            });
            seen.filter(|line| line["msg"] == "record").count() as u64
        }
    });
    // Records get through again, and with them a notice for each that was lost.
    let started = Instant::now();
    while told.load(Ordering::Relaxed) < log.dropped() {
        say();
        assert!(started.elapsed() < LIMIT, "it does not recover");
    }
    let (said, lost) = (said, log.dropped());
    drop(log);
    let arrived = reader.join().unwrap();
    assert_eq!(arrived + lost, said, "every record is there or counted");
    assert_eq!(told.load(Ordering::Relaxed), lost, "every lost record is told, and once");
}

#[test]
fn a_full_socket_does_not_block_a_caller() {
    let (stream, peer) = UnixStream::pair().unwrap();
    stand_still(stream, peer);
}

#[test]
fn a_full_connection_does_not_block_a_caller() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stand_still(stream, listener.accept().unwrap().0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_pipe_does_not_block_a_caller() {
    let (reader, writer) = std::io::pipe().unwrap();
    stand_still(writer, reader);
}

#[test]
fn those_who_share_the_socket_see_no_change() {
    let (stream, mut peer) = UnixStream::pair().unwrap();
    let shared = stream.try_clone().unwrap();
    let sink = DirectSink::new(Output::descriptor(stream).unwrap());
    sink.write(underpin_logger::Level::Info, b"line\n");
    let flags = rustix::fs::fcntl_getfl(&shared).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
    assert_eq!(shared.write_timeout().unwrap(), None);
    drop((sink, shared));
    let mut text = String::new();
    peer.read_to_string(&mut text).unwrap();
    assert_eq!(text, "line\n");
}

#[test]
fn a_peer_that_goes_away_is_an_error_and_no_signal() {
    let (stream, peer) = UnixStream::pair().unwrap();
    drop(peer);
    let sink = DirectSink::new(Output::descriptor(stream).unwrap());
    sink.write(underpin_logger::Level::Info, b"line\n");
    assert_eq!(sink.dropped(), 1);
}

#[test]
fn a_buffered_sink_on_a_full_socket_does_not_block_a_caller() {
    let (stream, _peer) = UnixStream::pair().unwrap();
    let output = Output::descriptor(stream).unwrap();
    let sink =
        BufferedSink::with(output, BufferedSink::BATCH, Overflow::Block(Duration::from_millis(50))).unwrap();
    let line = [&[b'x'; 4095][..], b"\n"].concat();
    let started = Instant::now();
    while sink.dropped() == 0 {
        sink.write(underpin_logger::Level::Info, &line);
    }
    (0..1000).for_each(|_| sink.write(underpin_logger::Level::Info, &line));
    assert!(started.elapsed() < LIMIT, "took {:?}", started.elapsed());
    assert!(sink.flush(Duration::from_millis(20)).is_err());
}
