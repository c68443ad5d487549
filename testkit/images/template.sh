#!/bin/bash
# template.sh <work folder>: builds the image of a service from examples/template on local base images, and runs it.
# Needs local/debian:bookworm (build.sh), a Rust toolchain in RUSTUP_HOME and the registry of a cargo that has built the
# template before (cargo xtask test does), because the build has no network.
set -e; W=$1; here=$(dirname "$(readlink -f "$0")"); underpin=$(cd "$here/../.." && pwd)
sysroot=$(cd "$underpin" && rustc --print sysroot); sysroot=$(readlink -f "$sysroot"); home=${CARGO_HOME:-$HOME/.cargo}
rm -rf "$W/context" "$W/rust"; mkdir -p "$W/context" "$W/rust/cargo/registry"
# A Rust that has everything: hard links where the disk is the same.
cp -a "$sysroot" "$W/rust/toolchain"; rm -rf "$W/rust/toolchain/share"
cp -a "$home/registry/index" "$home/registry/cache" "$W/rust/cargo/registry/"
cat > "$W/rust/Dockerfile" <<END
FROM local/debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
COPY toolchain /rust
COPY cargo /cargo
ENV PATH=/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/cargo CARGO_NET_OFFLINE=true
END
export DOCKER_BUILDKIT=0
docker build --network host --cpu-shares "${CPU_SHARES:-1024}" -q -t local/rust:1.95 "$W/rust"; rm -rf "$W/rust"
git -C "$underpin" archive --prefix=underpin/ HEAD | tar -x -C "$W/context"
cd "$underpin"; cargo xtask new my-service "$W/context/my-service"
# The path that the task wrote leads to this folder; in the image Underpin lies beside the service.
grep -rl "$underpin\|\.\./.*pkg/" "$W/context/my-service" --include=Cargo.toml | xargs -r sed -i -E "s#path = \"[^\"]*/pkg/#path = \"../underpin/pkg/#; s#path = \"[^\"]*/testkit\"#path = \"../underpin/testkit\"#"
cp Cargo.lock "$W/context/my-service/"; (cd "$W/context/my-service"; cargo metadata --offline --format-version 1 >/dev/null)
docker build --network host --cpu-shares "${CPU_SHARES:-1024}" -t local/my-service -f "$W/context/my-service/Dockerfile" \
    --build-arg SERVICE=my-service --build-arg RUST_IMAGE=local/rust:1.95 --build-arg RUNTIME_IMAGE=local/debian:bookworm "$W/context"
id=$(docker run --detach --publish 127.0.0.1::8080 local/my-service); trap 'docker logs "$id"; docker rm --force "$id" >/dev/null' EXIT
address=$(docker port "$id" 8080)
for try in $(seq 100); do curl -fs "http://$address/health/ready" && break; sleep 0.2; done; echo
curl -fs "http://$address/health/ready" >/dev/null
docker stop --time 30 "$id" >/dev/null; code=$(docker inspect --format '{{.State.ExitCode}}' "$id")
[ "$code" = 0 ] || { echo "exit code $code after SIGTERM"; exit 1; }
echo "the image of the template answers and stops in order"
