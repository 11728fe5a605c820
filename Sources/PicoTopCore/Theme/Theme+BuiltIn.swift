extension Theme {
  package static let defaultName = "default-dark"

  /// The default, for when no folder with themes is found.
  package static let builtIn: Theme = {
    do throws(ThemeError) {
      return try Theme(parsing: builtInText, file: "\(defaultName).theme")
    } catch {
      preconditionFailure("the built-in theme cannot be read: \(error)")
    }
  }()

  /// The same text as themes/default-dark.theme, which a test holds it to.
  static let builtInText = """
    # The default: quiet slate, colour only where it means something.

    base00 = #14181d
    base01 = #1c2229
    base02 = #2e3742
    base03 = #76828f
    base04 = #9aa6b2
    base05 = #d4dbe2
    base06 = #e8edf2
    base07 = #f8fafc
    base08 = #ff7b72
    base09 = #f0a35e
    base0A = #e9c46a
    base0B = #7ccf8a
    base0C = #63cdcf
    base0D = #6cb0ff
    base0E = #c39bf5
    base0F = #c9926d

    bg = base00

    fg = base05
    title = base0D bold
    key = base0C bold
    muted = base04
    stale = base03

    border = base02
    border.focus = base0D
    header = base04 on base01 bold
    header.sort = base0A on base01 bold
    row.selected = base07 on base02 bold
    dialog = base05 on base01

    ok = base0B
    warn = base0A
    error = base08 bold
    danger = base00 on base08 bold

    rate = base0C
    latency.low = base0B
    latency.high = base09 bold
    graph = base0D

    """
}
