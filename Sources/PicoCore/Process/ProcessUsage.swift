internal import Glibc

/// What a process of this machine has used until now, from Linux's `/proc`. Source: proc(5).
package struct ProcessUsage: Equatable, Sendable {
  /// User and system time of all its threads. Of threads that still run to the nanosecond, of ended ones to the clock tick.
  package var cpu: Duration
  package var residentBytes: UInt64
  package var virtualBytes: UInt64
  package var threads: Int
  /// `nil` of a process whose descriptors we may not see.
  package var openDescriptors: Int?
  /// Seconds since 1970.
  package var startedAt: Double

  /// `nil` when there is no such process, or no `/proc`.
  package init?(pid: Int32) {
    guard let stat = Self.text("/proc/\(pid)/stat"), let memory = Self.text("/proc/\(pid)/statm"),
      let nameEnd = stat.lastIndex(of: ")")
    else { return nil }
    // After the name, which may hold anything: state is field 3, so field N is at N - 3.
    let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
    let pages = memory.split(separator: " ").compactMap { UInt64($0) }
    guard fields.count > 19, pages.count > 1, let user = Int64(fields[11]), let system = Int64(fields[12]),
      let threads = Int(fields[17]), let start = Double(fields[19])
    else { return nil }
    let ticks = Int64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    let page = UInt64(max(1, sysconf(Int32(_SC_PAGESIZE))))
    let ticked = Duration.nanoseconds((user + system) * (1_000_000_000 / ticks))
    let tasks = Self.names("/proc/\(pid)/task") ?? []
    let scheduled = tasks.reduce(into: Int64(0)) { sum, task in
      let running = Self.text("/proc/\(pid)/task/\(task)/schedstat")?.split(separator: " ").first
      sum += running.flatMap { Int64($0) } ?? 0
    }
    cpu = max(ticked, .nanoseconds(scheduled))
    virtualBytes = pages[0] * page
    residentBytes = pages[1] * page
    self.threads = threads
    openDescriptors = Self.names("/proc/\(pid)/fd")?.count
    startedAt = Self.bootTime + start / Double(ticks)
  }

  /// Of this process; `nil` where there is no `/proc`.
  package static func current() -> ProcessUsage? {
    ProcessUsage(pid: getpid())
  }

  /// The ID of this process.
  package static var ownID: Int32 { getpid() }

  /// The most descriptors that this process may have open.
  package static var descriptorLimit: UInt64 {
    var limit = rlimit()
    // The pointer is to a local of the right type and lives for the call.
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
    return UInt64(limit.rlim_cur)
  }

  /// Seconds since 1970 at which the machine started. From its clocks: where a service sees its own processes alone (`ProcSubset=pid` of
  /// systemd) there is no `/proc/stat` that would say it.
  private static let bootTime: Double = {
    func seconds(_ clock: clockid_t) -> Double {
      var time = timespec()
      unsafe clock_gettime(clock, &time)  // writes to the local
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    return seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME)
  }()

  /// A whole file of `/proc`, which has no size of its own; at most 1 MiB.
  private static func text(_ path: String) -> String? {
    // A Swift text becomes a C string that lives for the call.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    while bytes.count < 1 << 20 {
      let part = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
        // `read` writes at most the 4096 bytes that there is room for, and says how many.
        count = max(0, unsafe read(descriptor, buffer.baseAddress, 4096))
      }
      if part.isEmpty { break }
      bytes += part
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The names in a folder of `/proc`, without `.` and `..`; `nil` when it cannot be read.
  private static func names(_ path: String) -> [String]? {
    guard let folder = unsafe opendir(path) else { return nil }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      // `readdir` gives an entry that stays valid until the next call, with a name that ends in NUL.
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
