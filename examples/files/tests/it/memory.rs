//! A large file needs no more memory than a small one.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::Value;
use underpin_objects::ObjectDigest;
use underpin_testkit::{NatsServer, ServiceProcess};

use crate::s3::S3;
use crate::support::{begin_upload, path_of, start};

const MIB: usize = 1024 * 1024;
const SIZE: usize = 200 * MIB;
/// Parts and windows, whatever the size of the file: the folder has the largest parts, S3 the most.
const MOST: usize = 80 * MIB;

/// What `/proc` says, in bytes: the most since the start, or now.
fn memory(service: &ServiceProcess, name: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Uploads and downloads 200 MiB.
fn transfer(service: &ServiceProcess, backend: &str) {
    let before = memory(service, "VmRSS:");
    let piece: Vec<u8> = (0..MIB).map(|at| (at % 251) as u8).collect();
    let began = Instant::now();
    let mut stream = begin_upload(service, "large", SIZE);
    for _ in 0..SIZE / MIB {
        stream.write_all(&piece).unwrap();
    }
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let uploaded = began.elapsed();
    let file: Value = serde_json::from_str(reply.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((file["size"].as_u64(), reply.starts_with("HTTP/1.1 201")), (Some(SIZE as u64), true));
    assert_eq!(file["sha256"], ObjectDigest::of(piece.repeat(SIZE / MIB)).to_string());

    let began = Instant::now();
    let (read, same) = download(service, &path_of(&file), &piece);
    assert_eq!((read, same), (SIZE, true));
    let grown = memory(service, "VmHWM:").saturating_sub(before);
    let rate = |took: Duration| SIZE as f64 / MIB as f64 / took.as_secs_f64();
    println!(
        "{backend}: {} MiB more memory; {:.0} MiB/s up, {:.0} MiB/s down",
        grown / MIB,
        rate(uploaded),
        rate(began.elapsed())
    );
    assert!(grown < MOST, "{backend}: {} MiB more", grown / MIB);
}

/// Reads a file as it comes, and compares it with the piece over and over.
fn download(service: &ServiceProcess, path: &str, piece: &[u8]) -> (usize, bool) {
    let mut stream = std::net::TcpStream::connect(&service.address).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", service.address);
    stream.write_all(head.as_bytes()).unwrap();
    let mut reply = std::io::BufReader::with_capacity(MIB, stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        std::io::BufRead::read_line(&mut reply, &mut line).unwrap();
    }
    let (mut buffer, mut read, mut same) = (vec![0; piece.len()], 0, true);
    loop {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match reply.read(rest).unwrap() {
                0 => return (read + filled, same && filled == 0),
                more => filled += more,
            }
        }
        same &= buffer == piece;
        read += filled;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_bounded_while_a_large_file_passes() {
    let folder = tempfile::tempdir().unwrap();
    let service = start(folder.path(), &[]);
    transfer(&service, "folder");
    service.stop();

    let (nats, folder) = (NatsServer::private().await, tempfile::tempdir().unwrap());
    let service = start(folder.path(), &[("NATS_URL", nats.url())]);
    transfer(&service, "jetstream");
    service.stop();

    let (s3, folder) = (S3::serve().await, tempfile::tempdir().unwrap());
    let service = start(folder.path(), &s3.variables());
    transfer(&service, "s3");
    service.stop();
}
