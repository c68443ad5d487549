#!/bin/bash
# build.sh <work folder> <nats-server binary>: the images of README.md, on a machine whose engine can pull nothing.
# As root, with the distribution's Docker engine and debootstrap: dockerd --data-root W/data --exec-root W/exec -H unix://W/docker.sock --pidfile W/pid & ; export DOCKER_HOST=unix://W/docker.sock
# The PostgreSQL image logs like the official one: the set-up server on standard output, the real one on standard error.
set -e; W=$1; NATS=$2; here=$(dirname "$(readlink -f "$0")"); R=$W/root
M=$(grep -rhE '^URIs' /etc/apt/sources.list.d/debian.sources | head -1 | awk '{print $2}')
[ -d "$R" ] || debootstrap --variant=minbase bookworm "$R" "$M"
cp /etc/resolv.conf "$R/etc/"; cp /etc/apt/sources.list.d/debian.sources "$R/etc/apt/sources.list.d/"; rm -f "$R/etc/apt/sources.list"
cp /etc/apt/apt.conf.d/99* "$R/etc/apt/apt.conf.d/" 2>/dev/null || true; mkdir -p "$R/etc/ssl/certs"; cp /etc/ssl/certs/ca-certificates.crt "$R/etc/ssl/certs/"
printf '#!/bin/sh\nexit 101\n' > "$R/usr/sbin/policy-rc.d"; chmod +x "$R/usr/sbin/policy-rc.d"
for d in null:3 zero:5 urandom:9; do [ -e "$R/dev/${d%:*}" ] || mknod -m 666 "$R/dev/${d%:*}" c 1 "${d#*:}"; done
chroot "$R" bash -c 'export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; apt-get install -y -qq --no-install-recommends postgresql-15 pgbouncer wget util-linux ca-certificates'
bash "$here/mk-pg-image.sh" "$R" 15 local/postgres:15
# A plain Debian and pgbouncer, before the binary of NATS comes in.
tar -C "$R" --exclude=./usr/lib/postgresql --exclude='*libLLVM*' --exclude='./var/cache/apt/*.bin' --exclude='./var/cache/apt/archives/*.deb' --exclude=./usr/share/doc --exclude=./usr/share/locale -c . | docker import -c 'CMD ["bash"]' - local/debian:bookworm
docker tag local/debian:bookworm local/pgbouncer:1.18
cp "$NATS" "$R/nats-server"; chmod 755 "$R/nats-server"; mkdir -p "$R/data"
tar -C "$R" --exclude=./usr/lib/postgresql --exclude='*libLLVM*' --exclude=./var/cache --exclude=./usr/share -c . | docker import -c 'ENTRYPOINT ["/nats-server"]' -c 'EXPOSE 4222 8222' - local/nats:2.15
