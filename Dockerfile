# lessee's image: a base with a small shell, Node's binary, and one file of program.
#
#   docker build -t lessee .                                                    Alpine and Node's official images
#   docker build -t lessee --build-arg DIST=prebuilt .                          with the dist/ of `npm run build`: no network
#   docker build -t lessee --build-arg BASE=… --build-arg NODE=… .              from images of your own, best by digest
#   docker build -t lessee --platform=linux/arm64 .                             for 64-bit ARM; elsewhere with qemu's binfmt handler
#
# The three images are pinned: the digest decides, the tag says what it is. To take newer ones, write down tag and
# digest of `docker buildx imagetools inspect alpine:TAG`, BASE and NODE of the same Alpine.
#
# BASE   Alpine, or any image with busybox or bash as /bin/sh (never dash, which keeps SIGTERM to itself), and base64,
#        sleep, touch, kill and pkill. The build fails with the name of what is missing.
# NODE   where the node binary is taken from, and those of its libraries that BASE lacks; of the same libc as BASE.
# BUILD  any image with npm and glibc, for the compiler. Nothing of it is in the result. A private registry, or an
#        authority of your own, comes as a secret: --secret id=npmrc,src=… --secret id=ca,src=… (BuildKit).
ARG BASE=alpine:3.24.2@sha256:3cf95fe0816180395592b8373f3ec60663f076127617bbacb4eacf9667afe2e9
ARG NODE=node:24.21.0-alpine3.24@sha256:be80f76cf40ec8e42b9bec49f60a55e0660f30af58d3e5a25530785b30ea67e2
ARG BUILD=node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6
ARG DIST=build

# What it makes is the same for every platform, and is not made under an emulator.
FROM --platform=$BUILDPLATFORM ${BUILD} AS built
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; npm ci
COPY bin bin
COPY src src
COPY scripts scripts
RUN npm run build

# What both ways of building hand on.
FROM scratch AS build
COPY --from=built /src/dist/lessee.cjs /src/dist/lessee-inject.cjs /src/dist/LICENSES.txt /src/dist/sbom.cdx.json /

FROM scratch AS prebuilt
COPY dist/lessee.cjs dist/lessee-inject.cjs dist/LICENSES.txt dist/sbom.cdx.json /

FROM ${DIST} AS dist

FROM ${NODE} AS node
COPY scripts/image/collect.sh /
RUN sh /collect.sh /usr/local/bin/node /collected

FROM ${BASE} AS assembled
COPY --from=node /collected /collected
COPY scripts/image/assemble.sh /
RUN sh /assemble.sh /collected /assembled

FROM ${BASE} AS bare
COPY --from=assembled /assembled /
COPY --from=dist / /opt/lessee/dist/
COPY LICENSE /opt/lessee/
COPY bin /opt/lessee/bin
# What the launcher would find out by starting Node once more.
ENV HOME=/home/vault LESSEE_NODE=/usr/local/bin/node
WORKDIR /home/vault
USER 100:1000
RUN lessee version && vault version && /bin/vault version

FROM bare AS warm
USER 0
COPY scripts/warm-up.ts scripts/sbom.ts scripts/runtime-bill.ts /opt/lessee/scripts/
RUN TMPDIR=/home/vault node /opt/lessee/scripts/warm-up.ts
# The bill names the Node that is in this image, whatever Node built the program.
RUN node /opt/lessee/scripts/runtime-bill.ts /opt/lessee/dist/sbom.cdx.json

FROM bare
# Root's: V8 trusts what it finds there, so nobody who runs may write it.
COPY --from=warm /opt/lessee/dist/compiled /opt/lessee/dist/compiled
COPY --from=warm /opt/lessee/dist/sbom.cdx.json /opt/lessee/dist/
ARG VERSION=0.1.0
ARG REVISION=
ARG CREATED=
ARG BASE
LABEL org.opencontainers.image.title="lessee" \
      org.opencontainers.image.description="A credential sidecar that takes the place of Vault Agent beside applications with dynamic Postgres credentials" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
EXPOSE 9102
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/lessee/bin/lessee"]
