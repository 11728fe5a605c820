#if THREAD_SANITIZER
  internal import Glibc

  /// A value behind a lock that the thread sanitizer sees: the standard library's waits in code that it does not know, and under contention
  /// it takes what that lock orders for a race.
  @safe package final class Locked<Value: ~Copyable>: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    package init(_ value: consuming sending Value) {
      self.value = value
      // Stays at its address until deinit.
      unsafe lock = .allocate(capacity: 1)
      unsafe lock.initialize(to: pthread_mutex_t())
      unsafe pthread_mutex_init(lock, nil)
    }

    deinit {
      unsafe pthread_mutex_destroy(lock)
      unsafe lock.deallocate()
    }

    package func withLock<Result: ~Copyable, Failure: Error>(
      _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
      unsafe pthread_mutex_lock(lock)
      defer { unsafe pthread_mutex_unlock(lock) }
      return try body(&value)
    }
  }
#else
  package import Synchronization

  /// A value behind a lock.
  package typealias Locked<Value: ~Copyable> = Mutex<Value>
#endif
