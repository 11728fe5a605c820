internal import PicoConfiguration
package import PicoCore

extension ServerConfiguration {
  /// The nodes that this one belongs to.
  package struct Cluster: Sendable, Equatable {
    /// Members of etcd; empty is a node alone.
    package var etcd: [EtcdEndpoint] = []
    package var name: String?
    package var listen = HostPort(host: "localhost", port: 8082)
    /// `nil` is what `listen` says, if that is an address.
    package var advertise: HostPort?
    package var allowsLoopback = false
    package var prefix = "/pico/v1"
    package var leaseTTL: Duration = .seconds(10)
    /// Whether a node with more than its share of listeners asks some to move.
    package var rebalances = true
    /// A file with the secret that all nodes share.
    package var secretFile: String?
    package var username: String?
    package var passwordFile: String?
    /// Of links, both ways: the authorities are those of the other nodes' certificates.
    package var tls = TLSFiles()
    /// What the other nodes' certificates are for; `nil` is the address that each is reached by.
    package var serverName: String?
    /// The authorities of etcd's certificates.
    package var etcdCA: String?
    package var etcdCertificate: String?
    package var etcdKey: String?

    package init() {}

    package var isOn: Bool { !etcd.isEmpty }

    /// What other nodes are told to dial.
    package var advertised: HostPort { advertise ?? listen }

    package var etcdUsesTLS: Bool { etcd.contains(where: \.isTLS) }
  }

  static let clusterKeys: [ConfigurationKey<ServerConfiguration>] =
    [
      .key("cluster.etcd", \.cluster.etcd, "Members of etcd, as URLs; with them the node joins a cluster"),
      .key("cluster.name", \.cluster.name, "The cluster's name; required with cluster.etcd"),
      .key("cluster.listen", \.cluster.listen, "Where links of other nodes come in"),
      .key("cluster.advertise", \.cluster.advertise, "The address that other nodes dial", unset: "that of cluster.listen"),
      .key("cluster.allow-loopback", \.cluster.allowsLoopback, "Whether other nodes may be told a loopback address"),
      .key("cluster.prefix", \.cluster.prefix, "What all keys of the cluster in etcd begin with"),
      .key(
        "cluster.lease-ttl", \.cluster.leaseTTL, "After so long without a sign of life a node's keys in etcd go",
        check: { $0 >= .seconds(2) && $0 <= .seconds(600) ? nil : "must be from 2s to 10m" }),
      .key("cluster.rebalance", \.cluster.rebalances, "Whether a node with more listeners than its share asks agents to move"),
      .key(
        "cluster.secret-file", \.cluster.secretFile, "A file with secrets that nodes share, one a line, each of 32 bytes or more; watched"),
      .key("cluster.username", \.cluster.username, "The user that etcd knows"),
      .key("cluster.password-file", \.cluster.passwordFile, "A file with that user's password"),
      .key("cluster.etcd-ca", \.cluster.etcdCA, "A PEM file of the authorities of etcd's certificates", unset: "the system's"),
      .key("cluster.etcd-cert", \.cluster.etcdCertificate, "A PEM file with the certificate that etcd is shown"),
      .key("cluster.etcd-key", \.cluster.etcdKey, "A PEM file with its key"),
      .key("cluster.tls.server-name", \.cluster.serverName, "The name that certificates of nodes are for", unset: "their address"),
    ] + TLSFiles.clusterKeys.map { $0.within("cluster.tls", \.cluster.tls) }

  static func checkCluster(_ configuration: ServerConfiguration, _ problems: inout ConfigurationProblems) {
    let cluster = configuration.cluster
    guard cluster.isOn else {
      let given = clusterKeys.map(\.name).first { $0 != "cluster.etcd" && problems.provenance[$0] != nil }
      if let given { problems.contradiction(given, "has no effect without cluster.etcd") }
      return
    }
    if cluster.name == nil { problems.contradiction("cluster.etcd", "needs cluster.name") }
    let address = cluster.advertised
    let isWildcard = address.host.isEmpty || address.host == "0.0.0.0" || address.host == "::"
    if isWildcard || (address.isLoopback && !cluster.allowsLoopback) {
      let given = ["cluster.advertise", "cluster.listen"].first { problems.provenance[$0] != nil }
      problems.contradiction(
        given ?? "cluster.etcd",
        "\(given == nil ? "cluster.listen is " : "")\"\(address)\"\(given == nil ? ", which" : "") is no address that other nodes could dial; "
          + "set cluster.advertise"
          + (isWildcard ? "" : " (or cluster.allow-loopback: true, for nodes of one machine)"))
    }
    if cluster.secretFile == nil, cluster.tls.clientCA == nil {
      problems.contradiction("cluster.etcd", "needs cluster.secret-file, or cluster.tls.cert, cluster.tls.key and cluster.tls.client-ca")
    }
    if !cluster.listen.isLoopback, !cluster.tls.isOn, !cluster.allowsLoopback {
      problems.contradiction(
        "cluster.listen",
        "\"\(cluster.listen)\" is open to other machines and links are not encrypted (set cluster.tls.cert, cluster.tls.key and "
          + "cluster.tls.client-ca)")
    }
    if cluster.tls.isOn, cluster.tls.clientCA == nil { problems.contradiction("cluster.tls.cert", "needs cluster.tls.client-ca") }
    if (cluster.username == nil) != (cluster.passwordFile == nil) {
      problems.contradiction(cluster.username == nil ? "cluster.password-file" : "cluster.username", "needs the other of the two too")
    }
    if Set(cluster.etcd.map(\.isTLS)).count > 1 { problems.contradiction("cluster.etcd", "mixes http and https") }
  }
}

/// A member of etcd: `http://HOST:PORT`, `https://HOST:PORT`, or `HOST:PORT`, which is http.
package struct EtcdEndpoint: Hashable, Sendable, ConfigurationScalar {
  package let address: HostPort
  package let isTLS: Bool

  package static let configurationKind = "etcd member"
  package var configurationText: String { "\(isTLS ? "https" : "http")://\(address)" }

  package init(configurationText text: String) throws(MalformedValue) {
    do throws(MalformedValue) {
      let url = try BaseURL(text: text.contains("://") ? text[...] : "http://\(text)"[...])
      address = url.address
      isTLS = url.isTLS
    } catch {
      throw MalformedValue(text, isNot: "a member of etcd", like: "http://etcd-0:2379, https://10.0.0.1:2379")
    }
  }
}

extension TLSFiles {
  /// Of links there is one name.
  static var clusterKeys: [ConfigurationKey<TLSFiles>] { keys.filter { $0.name != "certificates" } }
}
