#!/bin/bash
# Writes etcd.pb.swift and etcd.grpc.swift anew from etcd.proto, after a change there or of the packages' major version.
# Needs protoc (Debian: protobuf-compiler). The plugins are built from the packages that Package.swift names, into the folder given, which
# may be one that already holds a debug build.
#
#   Sources/EtcdWire/generate.sh [SCRATCH_PATH]
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=${1:-.build}
for plugin in protoc-gen-swift protoc-gen-grpc-swift-2; do
  swift build --scratch-path "$scratch" --product "$plugin"
done
binaries=$(swift build --scratch-path "$scratch" --show-bin-path)
protoc --proto_path=Sources/EtcdWire etcd.proto \
  --plugin=protoc-gen-swift="$binaries/protoc-gen-swift" \
  --swift_out=Sources/EtcdWire --swift_opt=Visibility=Package --swift_opt=UseAccessLevelOnImports=true \
  --plugin=protoc-gen-grpc-swift-2="$binaries/protoc-gen-grpc-swift-2" \
  --grpc-swift-2_out=Sources/EtcdWire --grpc-swift-2_opt=Visibility=Package,Server=false,UseAccessLevelOnImports=true
# The formatter's check covers every source; what a generator wrote is not formatted by hand.
for file in Sources/EtcdWire/etcd.pb.swift Sources/EtcdWire/etcd.grpc.swift; do
  grep -q '^// swift-format-ignore-file' "$file" || sed -i '1i // swift-format-ignore-file' "$file"
done
