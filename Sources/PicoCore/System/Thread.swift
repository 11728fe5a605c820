internal import Glibc

/// A thread of the system for work that blocks.
package struct Thread: Sendable {
  // Written once, before the value is handed out.
  private let handle: pthread_t

  private final class Body {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
      self.run = run
    }
  }

  /// `nil` when the system gives no thread. It must be joined once. Signals are left to other threads.
  package static func start(_ run: @escaping @Sendable () -> Void) -> Thread? {
    var thread = pthread_t()
    var all = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&all)
    unsafe pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
    // The retained body is released by the thread, or here when there is none.
    let body = unsafe Unmanaged.passRetained(Body(run))
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument { unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, body.toOpaque())
    guard result == 0 else {
      unsafe body.release()
      return nil
    }
    return Thread(handle: thread)
  }

  package func join() {
    pthread_join(handle, nil)
  }
}

/// Lets one thread sleep until another has something for it.
@safe final class Wakeup: @unchecked Sendable {
  // sem_t needs an address that does not change; it is allocated once and freed when nobody can reach it any more. Every use of it is
  // by functions that are safe from any thread, which is why the class is Sendable.
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() {
    unsafe sem_init(semaphore, 0, 0)
  }

  deinit {
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  func post() {
    unsafe sem_post(semaphore)
  }

  func wait() {
    while unsafe sem_wait(semaphore) != 0 {}
  }
}
