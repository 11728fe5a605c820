internal import Logging
internal import PicoConfiguration
internal import PicoCore
internal import Synchronization

/// The configuration that a long-running command holds to, read again on SIGHUP.
final class LiveConfiguration<Root: Sendable>: Sendable {
  private let schema: ConfigurationSchema<Root>
  private let running: Locked<Root>
  private let logger: Logger
  private let load: @Sendable () throws(ConfigurationError) -> Root

  init(
    _ schema: ConfigurationSchema<Root>, _ running: Root, _ logger: Logger,
    load: @escaping @Sendable () throws(ConfigurationError) -> Root
  ) {
    self.schema = schema
    self.running = Locked(running)
    self.logger = logger
    self.load = load
  }

  /// Reads it again, takes over what can change in a process that runs, and says what changed and what waits for a restart.
  /// - Returns: what holds from now on; nil when it could not be read, and then nothing changed.
  func reload() -> Root? {
    do throws(ConfigurationError) {
      let read = try load()
      let (old, new) = running.withLock { running in
        let old = running
        running = schema.reloaded(old, with: read)
        return (old, running)
      }
      let differences = schema.differences(from: old, to: read)
      if differences.isEmpty { logger.notice("configuration read again: nothing changed") }
      for difference in differences {
        let facts: Logger.Metadata = ["key": "\(difference.name)", "was": "\(difference.old)", "is": "\(difference.new)"]
        if difference.isReloadable {
          logger.notice("configuration changed", metadata: facts)
        } else {
          logger.warning("configuration changed, which needs a restart", metadata: facts)
        }
      }
      return new
    } catch {
      for line in error.lines { logger.error("configuration not read again", metadata: ["error": "\(line)"]) }
      return nil
    }
  }
}
