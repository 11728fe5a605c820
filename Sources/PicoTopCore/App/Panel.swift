internal import PicoStatus

/// What lies over the screen and takes the keys.
enum Panel: Sendable {
  /// From which line on.
  case help(Int)
  /// Which column of the list has the cursor.
  case columns(Int)
  /// Which theme of the list is tried; `before` comes back with Esc.
  case themes(Int, before: String)
  case action(ActionDialog)
}

/// The dialog, if one is open, takes what it waits for.
extension Panel? {
  var dialog: ActionDialog? { if case .action(let dialog) = self { dialog } else { nil } }

  private mutating func withDialog<Result>(_ body: (inout ActionDialog) -> Result) -> Result? {
    guard case .action(var dialog) = self else { return nil }
    let result = body(&dialog)
    self = .action(dialog)
    return result
  }

  mutating func takeCount(_ result: ActionResult) -> Bool { withDialog { $0.takeCount(result) } ?? false }

  mutating func takeFailure(of id: String, _ text: String) -> Bool { withDialog { $0.takeFailure(of: id, text) } ?? false }

  mutating func take(id: String, results: [ActionLine]) { _ = withDialog { $0.take(id: id, results: results) } }

  /// Figures of what the dialog names are those of now. True once all listeners of its endpoints are there.
  mutating func refresh(from fleet: Fleet, at now: Duration) -> Bool {
    withDialog { dialog in
      dialog.expire(at: now)
      dialog.isOffline = dialog.servers.contains { fleet.servers[$0].hello == nil }
      guard dialog.kind == .disconnect else { return false }
      if dialog.phase == .gathering {
        guard dialog.servers.allSatisfy({ fleet.freshness(of: $0, Subscription.listenersID, at: now) == .live }) else { return false }
        dialog.gather(from: fleet)
        return dialog.phase == .asking
      }
      guard dialog.phase == .asking else { return false }
      for index in dialog.targets.indices {
        let target = dialog.targets[index]
        if let row = fleet.listeners[RowKey(server: target.server, key: target.id)] {
          dialog.targets[index].inFlight = row.inFlight
        } else if fleet.freshness(of: target.server, Subscription.listenersID, at: now) == .live {
          dialog.targets[index].isGone = true
        }
      }
      for key in dialog.listeners.keys { dialog.listeners[key] = fleet.endpoints[key]?.listeners ?? 0 }
      return false
    } ?? false
  }
}
