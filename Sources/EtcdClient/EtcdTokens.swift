/// The token of a user, asked for once however many calls wait for it.
actor EtcdTokens {
  private let user: EtcdConfiguration.User
  private var token: String?
  private var request: Task<Result<String, EtcdError>, Never>?

  init(user: EtcdConfiguration.User) { self.user = user }

  /// - Parameter authenticate: asks the server for a token.
  func token(
    _ authenticate: @escaping @Sendable (EtcdConfiguration.User) async throws(EtcdError) -> String
  ) async throws(EtcdError) -> String {
    if let token { return token }
    let user = user
    let task =
      request
      ?? Task {
        do throws(EtcdError) {
          return .success(try await authenticate(user))
        } catch {
          return .failure(error)
        }
      }
    request = task
    let result = await task.value
    if request == task {
      request = nil
      token = try? result.get()
    }
    return try result.get()
  }

  /// The next call asks anew.
  func forget() { token = nil }
}
