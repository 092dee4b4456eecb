# Both programs in one image:
#
#     docker build --tag longsync .
#     docker run --rm --publish 9000:9000 longsync --behavior 250ms
#     docker run --rm --network host --entrypoint longsync-client longsync call --delay 250ms

FROM rust:1-slim-bookworm AS build
WORKDIR /longsync
COPY . .
RUN cargo build --locked --release --package longsync-server --package longsync-client

FROM debian:bookworm-slim
COPY --from=build /longsync/target/release/longsync-server /longsync/target/release/longsync-client /usr/local/bin/
COPY LICENSE LICENSE-APACHE LICENSE-MIT /usr/share/doc/longsync/
# Numeric, so that Kubernetes can verify that the user is not root.
USER 65532:65532
# The default, loopback, is not reachable from outside the container.
ENV LONGSYNC_LISTEN=0.0.0.0:9000
EXPOSE 9000
ENTRYPOINT ["longsync-server"]
