internal import Logging
internal import PicoAuth
internal import PicoCore
internal import Synchronization

/// Looks after the keys of all ports while a node runs: files that changed, key sets that are due, and listeners whose key is gone.
final class KeyMaintenance: Sendable {
  private let authenticators: Authenticators
  private let loops: NodeLoops
  private let task = Locked<Task<Void, Never>?>(nil)

  static let interval = Duration.seconds(2)

  init(authenticators: Authenticators, loops: NodeLoops) {
    self.authenticators = authenticators
    self.loops = loops
  }

  /// Nothing to do where no port has keys.
  func start() {
    guard !authenticators.all.isEmpty else { return }
    let new = Task {
      while !Task.isCancelled {
        await self.run()
        try? await Task.sleep(for: Self.interval)
      }
    }
    task.withLock { $0 = new }
  }

  /// Nothing is fetched any more when it returns, so that the loops may end.
  func stop() async {
    task.withLock { $0.take() }?.cancel()
    for authenticator in authenticators.all { await authenticator.close() }
  }

  /// Once, now.
  func run() async {
    await withTaskGroup { group in
      for authenticator in authenticators.all { group.addTask { await self.maintain(authenticator) } }
    }
  }

  private func maintain(_ authenticator: PortAuthenticator) async {
    guard await authenticator.maintain(), authenticator === authenticators.upstream else { return }
    _ = await loops.gather { context in
      for session in Array(context.tunnels.values) { session.endIfKeyIsGone() }
    }
  }
}
