internal import NIOHTTP1
internal import PicoCore
internal import PicoStatus

extension AdminRequest {
  /// For an action that brought no ID of its own: each is done once, however alike they are.
  static func randomActionID() -> String { "http-" + Hexadecimal.text(.random(in: 0 ... .max)) }
}

extension AdminResponse {
  /// The result of an action on one thing. Where it was refused the status says so, and the body has an `error` beside the result.
  init(_ result: ActionResult) {
    var result = result
    result.error = result.error ?? result.results.first?.error
    var writer = JSONWriter(capacity: 256)
    writer.object { result.writeMembers(to: &$0) }
    self.init(status: .ok, body: writer.bytes + [0x0A])
    guard let error = result.error else { return }
    errorCode = error
    status =
      switch ActionRefusal(rawValue: error) {
      case .notFound: .notFound
      case .forbidden: .forbidden
      case .badScope: .badRequest
      case .wouldRemoveLast, .noIdentity, .tooManyBlocks: .conflict
      case .unreachable: .badGateway
      case nil: .internalServerError
      }
  }

  /// The body is not what it should be; the message says where.
  init(malformed error: StatusError) {
    var writer = JSONWriter(capacity: 128)
    writer.object { writer in
      writer.member("error", PicoError.Code.malformedRequest.words)
      writer.member("message", error.message)
    }
    self.init(status: .badRequest, body: writer.bytes + [0x0A])
    errorCode = PicoError.Code.malformedRequest.rawValue
  }

  init(blocks: [BlockRow]) {
    self.init(status: .ok, body: BlocksAnswer(blocks: blocks).json + [0x0A])
  }

  init(block: BlockRow?) {
    guard let block else {
      self.init(.notFound, status: .notFound)
      return
    }
    var writer = JSONWriter(capacity: 256)
    block.write(to: &writer)
    self.init(status: .ok, body: writer.bytes + [0x0A])
  }
}
