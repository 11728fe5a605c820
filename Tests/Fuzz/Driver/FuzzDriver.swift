/// Hands inputs of libFuzzer to a check. Build with `PICO_BUILD=fuzz` and `-Xswiftc -sanitize=fuzzer,address`; the arguments are libFuzzer's.
package enum FuzzDriver {
  /// Set once before the fuzzer runs, and read by its only thread.
  nonisolated(unsafe) fileprivate static var check: ([UInt8]) -> Void = { _ in }

  /// Does not return before the fuzzer has ended. A check that finds something calls `fail`.
  package static func run(_ check: @escaping ([UInt8]) -> Void) -> Int32 {
    unsafe Self.check = check
    var count = CommandLine.argc
    // The vector of the process lives as long as the process.
    var arguments = unsafe CommandLine.unsafeArgv
    return unsafe fuzzerRunDriver(&count, &arguments) { bytes, count in
      // libFuzzer owns the bytes until this returns, and gives no pointer for no bytes.
      let input = unsafe UnsafeBufferPointer(start: bytes, count: count)
      unsafe FuzzDriver.check(Array(input))
      return 0
    }
  }

  /// Ends the process so that libFuzzer keeps the input.
  package static func fail(_ text: @autoclosure () -> String) -> Never {
    fatalError(text())
  }

  package static func expect(_ holds: Bool, _ text: @autoclosure () -> String) {
    if !holds { fail(text()) }
  }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func fuzzerRunDriver(
  _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<Int8>?>>,
  _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// libFuzzer brings a main function of its own, which a debug build links though it never runs, and which wants this name.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzerTestOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  unsafe FuzzDriver.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
  return 0
}
