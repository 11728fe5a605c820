/// What a process of ours ends with. Source: sysexits(3).
package enum SysExit: Int32, Sendable, CaseIterable {
  case ok = 0
  /// A wrong command line.
  case usage = 64
  /// Input data that is not what it should be.
  case dataError = 65
  /// What was asked for cannot be reached.
  case unavailable = 69
  /// A bug of ours.
  case software = 70
  /// Refused for want of rights: no token or a wrong one.
  case noPermission = 77
  /// A wrong configuration.
  case configuration = 78
}
