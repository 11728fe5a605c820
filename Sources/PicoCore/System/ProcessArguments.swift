/// The command line of this process.
package enum ProcessArguments {
  /// The words behind the program's name.
  ///
  /// Swift's library reads them from /proc/self/cmdline and gives none at all where /proc is not mounted, as in a bare chroot: a program would
  /// take that for a command line without words. Throws `badConfiguration` then.
  package static func current() throws(PicoError) -> [String] {
    try words(of: CommandLine.arguments)
  }

  /// The first of `all` is the program's name.
  static func words(of all: [String]) throws(PicoError) -> [String] {
    guard !all.isEmpty else {
      throw PicoError(.badConfiguration, "the command line cannot be read: /proc is not mounted", side: .internal)
    }
    return Array(all.dropFirst())
  }
}
