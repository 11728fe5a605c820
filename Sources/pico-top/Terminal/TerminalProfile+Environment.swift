internal import CNcurses
internal import Glibc
internal import PicoCore
internal import PicoTopCore

extension TerminalProfile {
  /// For the terminal that the program runs in; nil when there is none, or none for a full screen.
  static func current(wantsASCII: Bool) -> TerminalProfile? {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return nil }
    let isUTF8 = setLocale()
    let environment = ProcessEnvironment.current
    return TerminalProfile(
      environment: environment, abilities: Abilities(named: environment["TERM"] ?? ""), isUTF8: isUTF8, wantsASCII: wantsASCII)
  }

  /// Whether the locale is one of UTF-8. One that says so and is not installed counts: any of UTF-8 does as well for us.
  private static func setLocale() -> Bool {
    // Constant texts, and an answer that lives until the next call.
    unsafe setlocale(LC_ALL, "")
    if unsafe String(cString: nl_langinfo(nl_item(CODESET))) == "UTF-8" { return true }
    let wanted = ["LC_ALL", "LC_CTYPE", "LANG"].compactMap(environmentVariable).first { !$0.isEmpty } ?? ""
    guard wanted.uppercased().hasSuffix("UTF-8") || wanted.uppercased().hasSuffix("UTF8") else { return false }
    return unsafe setlocale(LC_CTYPE, "C.UTF-8") != nil
  }
}

extension TerminalProfile.Abilities {
  /// nil when terminfo has no such terminal.
  fileprivate init?(named name: String) {
    var found = pico_abilities()
    // The name and the structure live through the call.
    guard !name.isEmpty, unsafe pico_abilities_of(name, &found) else { return nil }
    self.init(
      colours: Int(found.colours), erasesBackground: found.erases_background, hasDirectColour: found.has_direct_colour,
      hasCursorAddressing: found.has_cursor_addressing)
  }
}
