# Lockstep in a container: the Debian package is built in one stage and installed in the other.
#   docker build -t lockstep .
#   docker run --rm -v "$PWD:/work" lockstep run --cluster-config my.json --output out.csv
# Untested: written on a machine without Docker. The package itself is tested.
FROM debian:12-slim AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    make dpkg-dev file pybind11-dev python3-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN tools/install_dependencies.sh \
 && cmake -S . -B build/package -G Ninja -DCMAKE_BUILD_TYPE=Release -DLOCKSTEP_TESTS=OFF \
 && cmake --build build/package \
 && cd build/package && cpack -G DEB && mv lockstep_*.deb /lockstep.deb

FROM debian:12-slim
COPY --from=build /lockstep.deb /tmp/lockstep.deb
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /tmp/lockstep.deb \
    python3-numpy python3-pandas \
 && rm -rf /var/lib/apt/lists/* /tmp/lockstep.deb
WORKDIR /work
ENTRYPOINT ["lockstep"]
CMD ["--help"]
