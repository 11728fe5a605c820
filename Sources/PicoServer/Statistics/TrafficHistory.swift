internal import PicoCore
internal import PicoStatus

/// How traffic went: of all endpoints together and of each, five minutes by the second and an hour by ten. Times are whole steady seconds.
///
/// Only seconds with traffic take memory: at most 742 points of 64 bytes for an endpoint, so 48 KB, and 48 MB for the 1,000 endpoints that
/// are kept. When there are more, the one that was idle for longest is forgotten.
struct TrafficHistory: Sendable {
  /// Whose traffic.
  enum Subject: Sendable {
    case all(TenantScope)
    /// nil for a text that no endpoint can have as its name.
    case endpoint(EndpointID?)
  }

  static let maximumEndpoints = 1000
  static let seconds = 300
  static let tens = 360

  private var all = Track()
  /// Of each, as soon as there is one beside the default.
  private var tenants: [TenantID: Track] = [:]
  private var endpoints: [EndpointID: Track] = [:]
  /// The first second that was recorded, or could have been.
  private let start: UInt64

  init(start: UInt64) { self.start = start }

  var endpointCount: Int { endpoints.count }

  /// What one second saw; seconds come in rising order.
  mutating func record(epoch: UInt64, _ slices: [EndpointID: TrafficSlice]) {
    var total = TrafficSlice()
    for (endpoint, slice) in slices {
      total.add(slice)
      if endpoints[endpoint] == nil, endpoints.count >= Self.maximumEndpoints { forgetIdlest(before: epoch) }
      guard endpoints[endpoint] != nil || endpoints.count < Self.maximumEndpoints else { continue }
      endpoints[endpoint, default: Track()].record(epoch: epoch, slice)
    }
    recordTenants(epoch: epoch, slices)
    if !slices.isEmpty { all.record(epoch: epoch, total) }
  }

  private mutating func recordTenants(epoch: UInt64, _ slices: [EndpointID: TrafficSlice]) {
    guard !tenants.isEmpty || slices.keys.contains(where: { !$0.tenant.isDefault }) else { return }
    if tenants.isEmpty { tenants[.default] = all }
    let byTenant = Dictionary(grouping: slices, by: \.key.tenant)
    for (tenant, slices) in byTenant where tenants[tenant] != nil || tenants.count < Self.maximumEndpoints {
      var total = TrafficSlice()
      for slice in slices { total.add(slice.value) }
      tenants[tenant, default: Track()].record(epoch: epoch, total)
    }
  }

  /// Makes room for one. Where all are busy there is none: a history that comes and goes would be no use to anybody.
  private mutating func forgetIdlest(before epoch: UInt64) {
    guard let idlest = endpoints.min(by: { $0.value.last < $1.value.last }), idlest.value.last + 1 < epoch else { return }
    endpoints[idlest.key] = nil
  }

  /// Of an endpoint, or of all. A second without traffic is a point of zeros; there is none from before the node started.
  /// - Parameters:
  ///   - epoch: the second that is not over.
  ///   - since: points that begin later; nil for all.
  func series(of subject: Subject, epoch: UInt64, since: UInt64?, time: (UInt64) -> Timestamp) -> [HistorySeries] {
    let track =
      switch subject {
      case .all(.all): all
      case .all(.only(let tenant)): tenants[tenant] ?? (tenants.isEmpty && tenant.isDefault ? all : Track())
      case .endpoint(let endpoint): endpoint.flatMap { endpoints[$0] } ?? Track()
      }
    return [(step: 1, count: Self.seconds), (step: 10, count: Self.tens)].map { step, count in
      let end = epoch / UInt64(step) * UInt64(step)
      let span = UInt64(step * count)
      var from = max(end > span ? end - span : 0, start / UInt64(step) * UInt64(step))
      if let since { from = max(from, (since / UInt64(step) + 1) * UInt64(step)) }
      from = min(from, end)
      var points = [HistorySeries.Point](repeating: HistorySeries.Point(), count: Int(end - from) / step)
      for point in step == 1 ? track.seconds : track.tens(until: end) {
        guard point.epoch >= from, point.epoch < end else { continue }
        points[(Int(point.epoch) - Int(from)) / step] = point.point(seconds: step)
      }
      return HistorySeries(stepMilliseconds: step * 1000, from: time(from), points: points)
    }
  }
}

extension TrafficHistory {
  /// The points of one endpoint that had traffic.
  private struct Track: Sendable {
    private(set) var seconds: [HistoryPoint] = []
    private var tens: [HistoryPoint] = []
    /// The ten seconds that are not over, and when they began.
    private var current: (epoch: UInt64, slice: TrafficSlice)?
    private(set) var last: UInt64 = 0

    mutating func record(epoch: UInt64, _ slice: TrafficSlice) {
      last = epoch
      Self.append(HistoryPoint(epoch: epoch, slice), to: &seconds, atMost: TrafficHistory.seconds)
      let ten = epoch / 10 * 10
      if let current, current.epoch != ten {
        Self.append(HistoryPoint(epoch: current.epoch, current.slice), to: &tens, atMost: TrafficHistory.tens)
        self.current = nil
      }
      if current == nil { current = (ten, TrafficSlice()) }
      current?.slice.add(slice)
    }

    private static func append(_ point: HistoryPoint, to points: inout [HistoryPoint], atMost count: Int) {
      // An eighth goes at a time, so that most points cost no move.
      if points.count >= count + count / 8 { points.removeFirst(points.count - count) }
      points.append(point)
    }

    /// Those that are whole before `end`.
    func tens(until end: UInt64) -> [HistoryPoint] {
      guard let current, current.epoch < end else { return tens }
      return tens + [HistoryPoint(epoch: current.epoch, current.slice)]
    }
  }
}
