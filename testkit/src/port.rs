use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};

use crate::error::{Context, TestkitError};

/// Starts something on a free port, on another one when it was taken between the choice and the start.
pub(crate) fn with_free_port<T>(
    mut start: impl FnMut(u16) -> Result<T, TestkitError>,
) -> Result<T, TestkitError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match start(free_port()?) {
            Err(error) if error.is_port_taken() && attempts < 5 => {}
            other => return other,
        }
    }
}

/// A port of the loopback interface without a listener.
///
/// It lies below the range from which the kernel picks ports for outgoing connections (32768 and up, ip(7)), so that it
/// stays free while a test has its server down.
///
/// # Errors
/// When none is found, or without `/dev/urandom`.
pub fn free_port() -> Result<u16, TestkitError> {
    let lowest = 15_000;
    let count = ephemeral_start().saturating_sub(lowest).max(1_000);
    for _ in 0..1_000 {
        let bytes: [u8; 2] = random()?;
        let port = lowest + u16::from_ne_bytes(bytes) % count;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::Error::from(std::io::ErrorKind::AddrInUse)).context(|| "cannot find a free port".to_owned())
}

fn ephemeral_start() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_whitespace().next().and_then(|text| text.parse().ok()).unwrap_or(32_768)
}

/// Random bytes of the system, fit for passwords.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], TestkitError> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context(|| "cannot read /dev/urandom".to_owned())?;
    Ok(bytes)
}

/// The same as text of 2 N hexadecimal digits.
pub(crate) fn random_text<const N: usize>() -> Result<String, TestkitError> {
    Ok(random::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}
