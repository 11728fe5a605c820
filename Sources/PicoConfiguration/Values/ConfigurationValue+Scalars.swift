package import PicoCore

extension String: ConfigurationScalar {
  package static var configurationKind: String { "text" }
  package var configurationText: String { self }

  /// An empty text is refused: it is nearly always a variable that was not set.
  package init(configurationText: String) throws(MalformedValue) {
    guard !configurationText.isEmpty else { throw MalformedValue("is empty; leave it out to get the default") }
    self = configurationText
  }
}

extension Bool: ConfigurationScalar {
  package static var configurationKind: String { "boolean" }
  package var configurationText: String { self ? "true" : "false" }

  package init(configurationText: String) throws(MalformedValue) {
    switch configurationText {
    case "true": self = true
    case "false": self = false
    default: throw MalformedValue("\"\(configurationText.escapedForDisplay)\" is not true or false")
    }
  }
}

extension Int: ConfigurationScalar {
  package static var configurationKind: String { "integer" }
  package var configurationText: String { String(self) }

  package init(configurationText: String) throws(MalformedValue) {
    guard configurationText.utf8.first != UInt8(ascii: "+"), let value = Int(configurationText) else {
      throw MalformedValue(configurationText, isNot: "an integer", like: "0, 1024")
    }
    self = value
  }
}

extension Duration: ConfigurationScalar {
  package static var configurationKind: String { "duration" }
  package var configurationText: String { text }

  package init(configurationText: String) throws(MalformedValue) {
    try self.init(text: configurationText)
  }
}

extension ByteSize: ConfigurationScalar {
  package static var configurationKind: String { "size" }
  package var configurationText: String { description }

  package init(configurationText: String) throws(MalformedValue) {
    try self.init(text: configurationText)
  }
}

extension HostPort: ConfigurationScalar {
  package static var configurationKind: String { "address" }
  package var configurationText: String { description }

  package init(configurationText: String) throws(MalformedValue) {
    try self.init(text: configurationText)
  }
}

extension AddressRange: ConfigurationScalar {
  package static var configurationKind: String { "address range" }
  package var configurationText: String { description }

  package init(configurationText: String) throws(MalformedValue) {
    try self.init(text: configurationText)
  }
}

extension BaseURL: ConfigurationScalar {
  package static var configurationKind: String { "URL" }
  package var configurationText: String { description }

  package init(configurationText: String) throws(MalformedValue) {
    try self.init(text: configurationText)
  }
}

extension TenantID: ConfigurationScalar {
  package static var configurationKind: String { "tenant" }
  package var configurationText: String { name }

  package init(configurationText: String) throws(MalformedValue) {
    guard let id = TenantID(configurationText) else {
      throw MalformedValue("\"\(configurationText.escapedForDisplay)\" is not a tenant (1 to 128 of A-Z a-z 0-9 . _ ~ -)")
    }
    self = id
  }
}

extension EndpointID: ConfigurationScalar {
  package static var configurationKind: String { "endpoint" }
  package var configurationText: String { name }

  package init(configurationText: String) throws(MalformedValue) {
    guard let id = EndpointID(configurationText) else {
      throw MalformedValue(
        "\"\(configurationText.escapedForDisplay)\" is not an endpoint name (1 to 128 of A-Z a-z 0-9 . _ ~ -, but not . or ..)")
    }
    self = id
  }
}

extension AgentID: ConfigurationScalar {
  package static var configurationKind: String { "agent ID" }
  package var configurationText: String { text }

  package init(configurationText: String) throws(MalformedValue) {
    guard let id = AgentID(configurationText) else {
      throw MalformedValue("\"\(configurationText.escapedForDisplay)\" is not an agent ID (1 to 128 visible ASCII characters)")
    }
    self = id
  }
}
