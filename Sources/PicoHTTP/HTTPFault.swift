/// Why bytes are not the HTTP/1.x that Pico takes. Each names one rule of RFC 9112, RFC 9110 or docs/protocol.md, for logs and tests;
/// what the other side is told is only `errorCode`.
package enum HTTPFault: UInt8, CaseIterable, Equatable, Hashable, Error, Sendable {
  // The size of a head.
  case headTooLarge
  case tooManyFields
  // The first line.
  case badRequestLine
  case badTarget
  case connectMethod
  case unknownVersion
  case badStatusLine
  // Lines.
  case bareLineFeed
  case bareCarriageReturn
  case nulByte
  case controlCharacter
  case obsoleteFold
  case emptyFieldName
  case badFieldName
  case spaceBeforeColon
  case missingColon
  // Framing.
  case badContentLength
  case repeatedContentLength
  case badTransferEncoding
  case repeatedTransferEncoding
  case transferEncodingInHTTP10
  case contentLengthAndTransferEncoding
  // Meaning.
  case missingHost
  case repeatedHost
  case badHost
  case targetDisagreesWithHost
  case repeatedEndpoint
  case badConnectionOption
  case reservedConnectionOption
  case tooManyConnectionOptions
  case unaskedSwitch
  // Chunks and trailers.
  case badChunkSize
  case chunkSizeTooLarge
  case badChunkExtension
  case chunkLineTooLong
  case badChunkEnd
  case forbiddenTrailer
  case trailersTooLarge
  // Of HTTP/2 alone.
  case badPseudoField
  case connectionSpecificField
  case lengthDisagreesWithData

  /// What a client is answered when its request has this fault.
  package var requestError: ErrorCode {
    switch self {
    case .headTooLarge, .tooManyFields, .trailersTooLarge: .requestHeadTooLarge
    default: .malformedRequest
    }
  }

  /// What a client is answered when the response to its request has this fault.
  package var responseError: ErrorCode { .malformedResponse }
}
