internal import Glibc

/// How much memory this process may use: the least of what the machine has and what its control group allows.
enum MemoryLimit {
  static func bytes() -> Int {
    let pages = max(1, sysconf(Int32(_SC_PHYS_PAGES)))
    let machine = pages.multipliedReportingOverflow(by: max(1, sysconf(Int32(_SC_PAGESIZE))))
    let groups = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap(number(in:))
    return groups.reduce(machine.overflow ? .max : machine.partialValue, min)
  }

  /// The decimal number that a file holds; nil when there is none, as where the limit is `max`.
  private static func number(in path: String) -> Int? {
    // A Swift text becomes a C string that lives for the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 32)
    // `read` writes at most as many bytes as the array has.
    let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    let digits = bytes.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
    return Int(String(decoding: digits, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
  }
}
