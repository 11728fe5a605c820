import NIOCore
import Testing

@testable import PicoCluster

@Suite struct LinkMessagesTests {
  @Test(arguments: [1, 2, 3, 5, 1000])
  func `messages come out as they went in, however they are split`(piece: Int) throws {
    let sent = [[], [UInt8](repeating: 1, count: 300), [2], [UInt8](repeating: 3, count: 70_000)]
    let bytes = sent.flatMap { LinkMessages.frame($0) }
    var messages = LinkMessages()
    var received: [[UInt8]] = []
    for start in stride(from: 0, to: bytes.count, by: piece) {
      messages.append(ByteBuffer(bytes: bytes[start..<min(start + piece, bytes.count)]))
      while let message = try messages.next() { received.append(Array(message.readableBytesView)) }
    }
    #expect(received == sent)
  }

  @Test func `a length over the limit is an error before its bytes come`() throws {
    var messages = LinkMessages()
    messages.append(ByteBuffer(bytes: [0x04, 0, 0, 1]))
    #expect(throws: LinkMessages.TooLong.self) { try messages.next() }
    var longest = LinkMessages()
    longest.append(ByteBuffer(bytes: [0x04, 0, 0, 0]))
    #expect(try longest.next() == nil)
  }
}
