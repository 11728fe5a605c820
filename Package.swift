// swift-tools-version: 6.3
import PackageDescription

/// What every Swift target is held to. Warnings are errors, so a check that is switched off is seen in the code.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// Links release binaries so that they start in less memory: relocations in their short form, equal functions once. These flags are on
/// the executable alone, so packages that depend on the SDK are not held back by them.
let small: [LinkerSetting] = [
  .unsafeFlags(
    ["-use-ld=lld", "-Xlinker", "-z", "-Xlinker", "pack-relative-relocs", "-Xlinker", "--icf=all"], .when(configuration: .release))
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioHPACK = Target.Dependency.product(name: "NIOHPACK", package: "swift-nio-http2")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let jwt = Target.Dependency.product(name: "JWTKit", package: "jwt-kit")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcPosix = Target.Dependency.product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
let grpcProtobuf = Target.Dependency.product(name: "GRPCProtobuf", package: "grpc-swift-protobuf")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")

/// For the code of EtcdWire, which a generator wrote: it says neither which uses of memory are unsafe nor `any`, and imports as it likes, so
/// it is not held to those checks.
let generated: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// PICO_BUILD=fuzz adds the fuzz targets; they need `-Xswiftc -sanitize=fuzzer,address`. PICO_BUILD=sanitize leaves
/// out the commands and what is tested with them, and has locks that the thread sanitizer sees. PICO_BUILD=cluster leaves them out too and
/// adds what measures the cluster. PICO_BUILD=docs is all, with what writes the SDK's documentation.
let asked = Context.environment["PICO_BUILD"] ?? "all"
let build = asked == "docs" ? "all" : asked
let core: [SwiftSetting] = strict + (build == "sanitize" ? [.define("THREAD_SANITIZER")] : [])

var targets: [Target] = [
  .target(name: "PicoCore", dependencies: [logging], swiftSettings: core),
  .target(name: "PicoTunnel", dependencies: ["PicoCore", nioCore, logging], swiftSettings: strict),
  .target(name: "PicoHTTP", dependencies: ["PicoCore", nioCore], swiftSettings: strict),
  .testTarget(name: "PicoCoreTests", dependencies: ["PicoCore", logging], swiftSettings: strict),
  .testTarget(name: "PicoTunnelTests", dependencies: ["PicoTunnel", "PicoCore", nioCore, nioEmbedded], swiftSettings: strict),
  .testTarget(name: "PicoHTTPTests", dependencies: ["PicoHTTP", "PicoCore", nioCore], swiftSettings: strict),
]

if build != "fuzz" {
  targets += [
    .target(name: "PicoAuth", dependencies: ["PicoCore", jwt, crypto], swiftSettings: strict),
    .target(name: "PicoConfiguration", dependencies: ["PicoCore", yams], swiftSettings: strict),
    .target(name: "PicoHTTP2", dependencies: ["PicoHTTP", nioCore, nioHPACK], swiftSettings: strict),
    .testTarget(name: "PicoHTTP2Tests", dependencies: ["PicoHTTP2", "PicoHTTP", "PicoCore", nioCore, nioHPACK], swiftSettings: strict),
    .target(name: "PicoTransport", dependencies: ["PicoCore", nioCore, nioPosix, nioHTTP1, nioSSL], swiftSettings: strict),
    .target(
      name: "PicoStatus",
      dependencies: ["PicoCore", "PicoTransport", nioCore, nioPosix, nioHTTP1, nioWebSocket, nioSSL, logging], swiftSettings: strict),
    .target(
      name: "PicoClient", dependencies: ["PicoCore", "PicoTransport", "PicoTunnel", nioCore, nioPosix, nioSSL, logging],
      swiftSettings: strict),
    .target(
      name: "PicoTracing", dependencies: ["PicoCore", "PicoHTTP", "PicoConfiguration", "PicoTransport", nioCore, logging, tracing],
      swiftSettings: strict),
    .target(
      name: "PicoAgent",
      dependencies: [
        "PicoCore", "PicoTransport", "PicoTunnel", "PicoHTTP", "PicoHTTP2", "PicoClient", "PicoConfiguration", "PicoTracing", nioCore,
        nioPosix, nioTLS, nioSSL, nioHTTP2, nioHPACK, logging, tracing,
      ],
      swiftSettings: strict),
    .target(
      name: "PicoServer",
      dependencies: [
        "PicoCore", "PicoTunnel", "PicoHTTP", "PicoHTTP2", "PicoAuth", "PicoCluster", "PicoStatus", "PicoTransport", "PicoConfiguration",
        "PicoTracing", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioHPACK, nioWebSocket, nioTLS, nioSSL, logging, tracing,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "PicoServerTests",
      dependencies: [
        "PicoCore", "PicoHTTP", "PicoAuth", "PicoCluster", "PicoServer", "PicoAgent", "PicoClient", "PicoTunnel", "PicoStatus",
        "PicoTransport", "PicoConfiguration", "PicoTracing",
        "Support", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL, logging, crypto,
      ], swiftSettings: strict),
    .testTarget(
      name: "PicoAgentTests",
      dependencies: [
        "PicoAgent", "PicoClient", "PicoTransport", "PicoTunnel", "PicoHTTP", "PicoCore", "PicoConfiguration", "Support", nioCore, nioPosix,
        nioSSL, logging,
      ],
      swiftSettings: strict),
    .target(
      name: "Support", dependencies: ["PicoCore", nioCore, nioPosix, nioHTTP1, nioSSL], path: "Tests/Support", swiftSettings: strict),
  ]
}

if build == "sanitize" {
  // Without etcd, whose client takes longer to build than all the rest.
  targets.append(
    .target(name: "PicoCluster", dependencies: ["PicoCore", nioCore, crypto, logging], exclude: ["Etcd"], swiftSettings: strict))
}

if build == "all" || build == "cluster" {
  targets += [
    .target(
      name: "EtcdWire", dependencies: [grpcCore, grpcProtobuf, protobuf], exclude: ["etcd.proto", "generate.sh"],
      swiftSettings: generated),
    .target(name: "EtcdClient", dependencies: ["EtcdWire", "PicoCore", grpcCore, grpcPosix, protobuf], swiftSettings: strict),
    .target(name: "PicoCluster", dependencies: ["EtcdClient", "PicoCore", nioCore, crypto, logging], swiftSettings: strict),
  ]
}

if build == "all" {
  targets += [
    .testTarget(
      name: "PicoClusterTests", dependencies: ["PicoCluster", "EtcdClient", "PicoCore", "Support", nioCore, logging], swiftSettings: strict),
    .testTarget(name: "EtcdClientTests", dependencies: ["EtcdClient", "PicoCore", "Support"], swiftSettings: strict),
    .target(name: "PicoTopCore", dependencies: ["PicoCore", "PicoStatus", "PicoConfiguration"], swiftSettings: strict),
    .target(name: "CNcurses", linkerSettings: [.linkedLibrary("ncursesw"), .linkedLibrary("tinfo")]),
    .executableTarget(
      name: "pico-top",
      dependencies: [
        "PicoCore", "PicoStatus", "PicoTopCore", "PicoTransport", "PicoConfiguration", "CNcurses", arguments, nioCore, nioPosix,
      ], exclude: ["Terminal/pico.terminfo"], swiftSettings: strict, linkerSettings: small),
    .testTarget(
      name: "PicoTopCoreTests", dependencies: ["PicoTopCore", "PicoStatus", "PicoCore", "PicoConfiguration"], exclude: ["Golden"],
      swiftSettings: strict),
    .target(name: "PicoBench", dependencies: ["PicoCore", "PicoTransport", nioCore, nioPosix, nioTLS, nioSSL], swiftSettings: strict),
    .executableTarget(
      name: "pico",
      dependencies: [
        "PicoCore", "PicoAuth", "PicoCluster", "EtcdClient", "PicoServer", "PicoClient", "PicoAgent", "PicoBench", "PicoStatus",
        "PicoTransport", "PicoConfiguration",
        arguments, unixSignals, logging, nioCore, nioPosix, nioHTTP1, nioSSL,
      ],
      swiftSettings: strict, linkerSettings: small),
    .testTarget(name: "PicoAuthTests", dependencies: ["PicoAuth", "PicoCore", jwt, crypto], swiftSettings: strict),
    .testTarget(
      name: "PicoTracingTests",
      dependencies: ["PicoTracing", "PicoHTTP", "PicoCore", "PicoConfiguration", "Support", nioCore, nioPosix, nioSSL, logging, tracing],
      swiftSettings: strict),
    .testTarget(
      name: "PicoConfigurationTests", dependencies: ["PicoConfiguration", "PicoCore", "PicoServer", "PicoAgent"], swiftSettings: strict),
    .testTarget(
      name: "PicoStatusTests",
      dependencies: ["PicoStatus", "PicoTransport", "PicoCore", "Support", nioCore, nioPosix, nioHTTP1, nioWebSocket],
      swiftSettings: strict),
    .testTarget(
      name: "PicoBenchTests", dependencies: ["PicoBench", "PicoCore", "PicoTransport", "Support", nioCore, nioPosix, nioSSL],
      swiftSettings: strict),
    .systemLibrary(name: "COpenSSL", path: "Tests/OpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
    .testTarget(
      name: "OpenSSLTests",
      dependencies: ["COpenSSL", "PicoServer", "PicoAgent", "PicoTransport", "PicoCore", "Support", nioCore, nioPosix, logging],
      swiftSettings: strict),
    .testTarget(name: "SystemTests", dependencies: ["Support"], path: "Tests/System", exclude: ["Clients"], swiftSettings: strict),
  ]
}

if build == "cluster" {
  targets.append(
    .executableTarget(
      name: "cluster-bench", dependencies: ["PicoCluster", "EtcdClient", "PicoCore", "Support", logging], path: "Tests/Benchmarks/cluster",
      swiftSettings: strict, linkerSettings: small))
}

if build == "fuzz" {
  // What reads messages alone: no connection, so that the build stays short.
  targets.append(.target(name: "PicoStatus", dependencies: ["PicoCore"], exclude: ["Client"], swiftSettings: strict))
  // What takes tokens apart, without what verifies them.
  targets.append(
    .target(
      name: "PicoAuth", dependencies: ["PicoCore"], exclude: ["Keys", "Claims", "Token/TokenVerifier.swift", "Token/TokenCache.swift"],
      swiftSettings: strict))
  // What reads the header of a hop alone.
  targets.append(
    .target(
      name: "PicoCluster", dependencies: ["PicoCore", nioCore], exclude: ["Etcd", "Memory", "Store", "Links/LinkIntroduction.swift"],
      swiftSettings: strict))
  // What nodes say to each other of actions, routes and blocks, and nothing that acts on it.
  targets.append(
    .target(
      name: "PicoServer", dependencies: ["PicoCore", "PicoStatus"],
      sources: [
        "Admin/OperatorAction.swift", "Admin/TenantScope.swift", "Cluster/Actions/ActionQuestion.swift",
        "Cluster/Routes/RouteMessage.swift", "Listeners/Actions/ActionRefusal.swift", "Listeners/Actions/EndOrder.swift",
        "Listeners/Actions/ListenerFacts.swift", "Listeners/Blocks/Block.swift", "Listeners/Blocks/BlockRecord.swift",
        "Listeners/Blocks/BlockSubject.swift",
      ], swiftSettings: strict + [.unsafeFlags(["-enable-testing"])]))
  targets.append(.target(name: "PicoHTTP2", dependencies: ["PicoHTTP", nioCore, nioHPACK], swiftSettings: strict))
  targets.append(.target(name: "FuzzDriver", path: "Tests/Fuzz/Driver", swiftSettings: strict))
  let fuzzed = [
    "RequestHead", "ChunkedBody", "WebSocketFrame", "YamuxFrame", "ControlMessage", "StatusMessage", "CompactToken", "HopHeader",
    "LinkMessages", "ActionMessage", "HTTP2Request", "HTTP2Response",
  ]
  targets += fuzzed.map { name in
    .executableTarget(
      name: "Fuzz\(name)",
      dependencies: [
        "FuzzDriver", "PicoTunnel", "PicoHTTP", "PicoHTTP2", "PicoStatus", "PicoAuth", "PicoCluster", "PicoServer", "PicoCore", nioCore,
        nioHPACK,
      ],
      path: "Tests/Fuzz/\(name)",
      swiftSettings: strict)
  }
}

let package = Package(
  name: "pico",
  products: build == "all"
    ? [
      .executable(name: "pico", targets: ["pico"]), .executable(name: "pico-top", targets: ["pico-top"]),
      .library(name: "PicoClient", targets: ["PicoClient"]),
    ] : [],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
    .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
    .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
  ] + (asked == "docs" ? [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")] : []),
  targets: targets
)
