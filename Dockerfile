# SPDX-License-Identifier: Apache-2.0
# The image of the DaemonSet in deploy/. scripts/image builds the same root file system from this file without an engine:
# it knows FROM, WORKDIR, COPY, RUN, ENV, and lines that only describe the image. The steps are in scripts/image-stage.
FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts scripts
RUN scripts/image-stage packages
COPY package.json package-lock.json .npmrc ./
RUN scripts/image-stage node
COPY . .
RUN scripts/image-stage build /image

FROM debian:bookworm-slim
COPY --from=build /src/scripts /tmp/scripts
RUN /tmp/scripts/image-stage runtime && rm -r /tmp/scripts
COPY --from=build /image /
# Enough to render manifests; the DaemonSet's container runs as root, because programs and maps take it.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/evenkeel"]
CMD ["--help"]
