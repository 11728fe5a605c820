import PicoTransport
import Support
import Testing

@testable import PicoServer

struct FileWatchTests {
  @Test func `files are read again once they changed and stand still`() {
    var watch = FileWatch(read: 1)
    let looks = [1, 2, 3, 3, 3, 1, 3, 4, 4, 4].map { watch.look($0) }
    #expect(looks == [false, false, false, true, false, false, false, false, true, false])
  }

  @Test func `what is read by order is not read again`() {
    var watch = FileWatch(read: 1)
    let before = watch.look(2)
    watch.take(2)
    let looks = [2, 1, 1].map { watch.look($0) }
    #expect(!before && looks == [false, false, true])
  }

  @Test func `a stamp tells a file from another in its place`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("a", "1")
    let first = FileStamp(path: path)
    #expect(FileStamp(path: path) == first)
    try directory.write("a", "22")
    let second = FileStamp(path: path)
    #expect(second != first)
    #expect(FileStamp(path: directory.path("none")) == FileStamp(path: directory.path("other")))
    #expect(FileStamp(path: directory.path("none")) != second)
  }
}
