use std::time::Duration;

/// What the network between a client and a server does, see [`Proxy::set`](crate::Proxy::set).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Bytes pass at once.
    #[default]
    None,
    /// Each chunk of up to 64 KiB arrives this much later, in either direction.
    Latency(Duration),
    /// At most this many bytes a second pass in each direction of a connection.
    Bandwidth(u32),
    /// Bytes in this direction wait, and arrive when the fault ends. With [`Direction::Both`] new connections wait too.
    Freeze(Direction),
    /// Bytes in this direction are lost. Bytes sent after the fault arrive, so the stream has a gap.
    Discard(Direction),
    /// New connections are accepted and get no answer until the fault ends; open ones work.
    HoldNew,
    /// New connections are reset; open ones work.
    Refuse,
    /// Open connections and new ones are reset.
    Cut,
}

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
    /// Both.
    Both,
}

impl Direction {
    fn includes(self, one: Self) -> bool {
        self == Self::Both || self == one
    }
}

impl Fault {
    pub(super) fn refuses_new(self) -> bool {
        matches!(self, Self::Refuse | Self::Cut)
    }

    pub(super) fn holds_new(self) -> bool {
        matches!(self, Self::HoldNew | Self::Freeze(Direction::Both))
    }

    pub(super) fn freezes(self, one: Direction) -> bool {
        matches!(self, Self::Freeze(direction) if direction.includes(one))
    }

    pub(super) fn discards(self, one: Direction) -> bool {
        matches!(self, Self::Discard(direction) if direction.includes(one))
    }

    pub(super) fn latency(self) -> Duration {
        if let Self::Latency(delay) = self { delay } else { Duration::ZERO }
    }

    /// How many of `length` bytes to send at once, and how long to wait after them.
    pub(super) fn portion(self, length: usize) -> (usize, Duration) {
        let Self::Bandwidth(rate) = self else { return (length, Duration::ZERO) };
        let rate = rate.max(1);
        // Twenty portions a second: even at low rates the stream is smooth.
        let portion = length.min(usize::try_from(rate.div_ceil(20)).unwrap_or(length));
        let sent = u32::try_from(portion).unwrap_or(u32::MAX);
        (portion, Duration::from_secs_f64(f64::from(sent) / f64::from(rate)))
    }
}
