package import PicoStatus

/// Where the admin port takes what it shows. Called from any thread, at most once for each admin connection at a time.
package protocol AdminSource: Sendable {
  /// Of the tenants of the scope, on all nodes of the cluster or on this one.
  func statusSnapshot(_ scope: TenantScope, of extent: Subscription.Scope) async -> StatusSnapshot
  /// Of the whole node; endpoints that are out of the scope have no name in it.
  func metrics(_ scope: TenantScope) async -> MetricsReport
  /// Does what an operator asks, and says what became of it. The caller has made sure that `by` is an operator.
  func perform(_ action: OperatorAction, by: Operator) async -> ActionResult
  /// Those that hold of the tenants of the scope, the oldest first.
  func blocks(_ scope: TenantScope) async -> [BlockRow]
  /// What would become of a request; nil where the scope does not allow the question.
  func route(_ question: RouteQuestion, _ scope: TenantScope) async -> RouteAnswer?
  /// Read for each probe: must not wait.
  var readiness: Readiness { get }
}

/// Whether new requests should be sent here.
package enum Readiness: Equatable, Sendable {
  case ready
  /// The reason in lower case words, such as `shutting down`.
  case notReady(reason: String)
}
