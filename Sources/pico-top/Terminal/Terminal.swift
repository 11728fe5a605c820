internal import CNcurses
internal import Glibc
internal import PicoCore
internal import PicoTopCore

/// The terminal while it is ours: in full screen, with keys as they come. One thread makes every call, and so every call of curses.
///
/// Until ``close()`` standard error is a file in memory, so that nothing can be written into the screen; what it holds then comes out. A crash
/// gives the terminal back too, by a handler in C.
final class Terminal {
  let profile: TerminalProfile
  private let settings: termios
  private let standardError: Int32
  private let messages: Int32
  private var hasMouse = false
  private var isOurs = false

  private enum Code {
    static let mouse: Int32 = 0x301
    static let pasteStart: Int32 = 0x302
    static let pasteEnd: Int32 = 0x303
    static let shown: Int32 = 0x304
  }

  /// - Parameter crashFile: where the runtime writes what it finds out about a crash; nil for standard error.
  init(profile: TerminalProfile, crashFile: String?) throws(PicoError) {
    self.profile = profile
    var settings = termios()
    // Writes the one structure.
    guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else { throw Self.failure("its settings cannot be read") }
    self.settings = settings
    standardError = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
    // The name lives through the call.
    messages = unsafe pico_memory_file("pico-top messages")
    guard Self.openScreen(profile) else { throw Self.failure("curses cannot use it") }
    if standardError >= 0, messages >= 0 { dup2(messages, STDERR_FILENO) }
    // The handler copies all that it is given.
    if let crashFile {
      unsafe pico_crash_arm(STDOUT_FILENO, &settings, restoring, messages, standardError, crashFile)
    } else {
      unsafe pico_crash_arm(STDOUT_FILENO, &settings, restoring, messages, standardError, nil)
    }
    for (text, key) in Self.ownKeys { unsafe pico_screen_define_key(text, key) }
    fit()
    enter()
  }

  private static func failure(_ reason: String) -> PicoError {
    PicoError(.unreachable, "the terminal cannot be used: \(reason)", side: .internal)
  }

  private static func openScreen(_ profile: TerminalProfile) -> Bool {
    let (name, entry) =
      switch profile.entry {
      case .system: (environmentVariable("TERM") ?? "", nil as String?)
      case .direct: ("pico-direct", TerminalEntries.direct)
      case .directPlain: ("pico-direct-plain", TerminalEntries.directPlain)
      case .indexed256: ("pico-256", TerminalEntries.indexed256)
      }
    // Both texts live through the calls, which copy them.
    if let entry { unsafe setenv("TERMINFO", "b64:" + entry, 1) }
    return unsafe pico_screen_open(name)
  }

  /// Some terminals send the cursor's keys in their other form whatever they were told.
  private static let ownKeys: [(String, Int32)] = [
    ("\u{1B}[<", Code.mouse), ("\u{1B}[200~", Code.pasteStart), ("\u{1B}[201~", Code.pasteEnd), ("\u{1B}[0n", Code.shown),
    ("\u{1B}[A", KEY_UP), ("\u{1B}[B", KEY_DOWN), ("\u{1B}[C", KEY_RIGHT), ("\u{1B}[D", KEY_LEFT), ("\u{1B}OA", KEY_UP),
    ("\u{1B}OB", KEY_DOWN), ("\u{1B}OC", KEY_RIGHT), ("\u{1B}OD", KEY_LEFT), ("\u{1B}[H", KEY_HOME), ("\u{1B}[F", KEY_END),
    ("\u{1B}[1~", KEY_HOME), ("\u{1B}[4~", KEY_END), ("\u{1B}[5~", KEY_PPAGE), ("\u{1B}[6~", KEY_NPAGE), ("\u{1B}[3~", KEY_DC),
    ("\u{1B}[Z", KEY_BTAB),
  ]

  // MARK: In and out

  private static let mouseOn = "\u{1B}[?1000h\u{1B}[?1006h"
  private static let mouseOff = "\u{1B}[?1006l\u{1B}[?1000l"
  private static let pasteOn = "\u{1B}[?2004h"
  private static let pasteOff = "\u{1B}[?2004l"

  private func enter() {
    isOurs = true
    guard profile.isLikeXterm else { return }
    write(Self.pasteOn + (hasMouse ? Self.mouseOn : ""))
  }

  private func leave() {
    guard isOurs else { return }
    isOurs = false
    if profile.isLikeXterm { write(Self.pasteOff + (hasMouse ? Self.mouseOff : "")) }
    pico_screen_close()
  }

  private func text(of capability: String) -> String {
    // The name lives through the call; the answer is copied before the next call.
    unsafe capability.withCString { unsafe String(cString: pico_terminal_text($0)) }
  }

  /// What a crash writes: everything off, whatever was on.
  private var restoring: String {
    let texts = ["sgr0", "op", "cnorm", "rmkx", "rmcup"].map { text(of: $0) }
    return (profile.isLikeXterm ? Self.mouseOff + Self.pasteOff : "") + texts.joined() + (texts[4].isEmpty ? "\r\n" : "\r")
  }

  /// - Parameter expectsAnswer: the terminal was asked something and has not answered; nobody shall find that on the next prompt.
  func close(expectsAnswer: Bool) {
    leave()
    pico_crash_disarm()
    if expectsAnswer {
      var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      // One structure, for the length of the call.
      unsafe poll(&input, 1, 200)
    }
    tcflush(STDIN_FILENO, TCIFLUSH)
    var settings = settings
    unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    guard standardError >= 0, messages >= 0 else { return }
    dup2(standardError, STDERR_FILENO)
    copyMessages()
  }

  private func copyMessages() {
    var bytes = [UInt8](repeating: 0, count: 4096)
    lseek(messages, 0, SEEK_SET)
    while true {
      // The system writes at most the array.
      let count = unsafe read(messages, &bytes, bytes.count)
      guard count > 0 else { return }
      StandardStream.write(bytes[..<count], to: standardError)
    }
  }

  /// Stops as Ctrl-Z does. Who goes on is told by SIGCONT.
  func suspend() {
    leave()
    kill(getpid(), SIGSTOP)
  }

  /// Takes the terminal back from whoever had it while the process was stopped, by itself or by another: the screen is to be drawn anew.
  func resume() {
    leave()
    fit()
    enter()
    pico_screen_forget()
  }

  // MARK: Screen

  var size: Size {
    var (rows, columns): (Int32, Int32) = (24, 80)
    // Writes the two numbers, or leaves them.
    unsafe pico_terminal_size(STDOUT_FILENO, &rows, &columns)
    return Size(columns: Int(columns), rows: Int(rows))
  }

  /// curses takes the size of the terminal.
  func fit() {
    let size = size
    pico_screen_resize(Int32(size.rows), Int32(size.columns))
  }

  /// The next frame is drawn in full.
  func forget() { pico_screen_forget() }

  func setMouse(_ isOn: Bool) {
    guard profile.isLikeXterm, isOn != hasMouse else { return }
    hasMouse = isOn
    write(isOn ? Self.mouseOn : Self.mouseOff)
  }

  /// To the clipboard, where the terminal lets us (OSC 52).
  func copy(_ text: String) {
    guard profile.isLikeXterm else { return }
    write("\u{1B}]52;c;\(Base64.text(Array(text.utf8)))\u{7}")
  }

  func bell() { write("\u{7}") }

  /// The answer is `InputPiece.shown`, when all that was written before is on screen.
  func ask() { write("\u{1B}[5n") }

  /// curses has nothing in its buffers between frames.
  private func write(_ text: String) { StandardStream.write(Array(text.utf8)[...], to: STDOUT_FILENO) }

  // MARK: Input

  /// Pieces that mean nothing to us are left out; nil when nothing waits.
  func nextPiece() -> InputPiece? {
    while true {
      var value: UInt32 = 0
      // Writes the one number.
      switch unsafe pico_screen_read(&value) {
      case OK: if let scalar = Unicode.Scalar(value) { return .scalar(scalar) }
      case KEY_CODE_YES: if let piece = Self.piece(Int32(bitPattern: value)) { return piece }
      default: return nil
      }
    }
  }

  private static func piece(_ code: Int32) -> InputPiece? {
    switch code {
    case Code.mouse: .mouse
    case Code.pasteStart: .pasteStart
    case Code.pasteEnd: .pasteEnd
    case Code.shown: .shown
    case KEY_UP: .key(.up)
    case KEY_DOWN: .key(.down)
    case KEY_LEFT: .key(.left)
    case KEY_RIGHT: .key(.right)
    case KEY_HOME: .key(.home)
    case KEY_END: .key(.end)
    case KEY_PPAGE: .key(.pageUp)
    case KEY_NPAGE: .key(.pageDown)
    case KEY_ENTER: .key(.enter)
    case KEY_BTAB: .key(.backTab)
    case KEY_BACKSPACE: .key(.backspace)
    case KEY_DC: .key(.delete)
    case KEY_IC: .key(.insert)
    case KEY_F0 + 1...KEY_F0 + 24: .key(.function(Int(code - KEY_F0)))
    default: nil
    }
  }
}
