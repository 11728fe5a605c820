/// Trailer lines obey the same rules as header lines (`FieldSection`), but are read byte by byte, because they are passed on as they come.
extension ChunkedDecoder {
  mutating func afterTrailer(_ octet: UInt8) -> State {
    trailerBytes += 1
    guard trailerBytes <= Self.maxTrailers else { return .failed(.trailersTooLarge) }
    switch state {
    case .trailerStart:
      switch octet {
      case Octets.carriageReturn: return .lastLineFeed
      case Octets.space, Octets.tab: return .failed(.obsoleteFold)
      case UInt8(ascii: ":"): return .failed(.emptyFieldName)
      default:
        nameCount = 0
        return afterNameOctet(octet)
      }
    case .trailerName: return afterNameOctet(octet)
    case .trailerValue:
      // `next` has skipped all that a value may hold.
      return octet == Octets.carriageReturn ? .trailerLineFeed : .failed(FieldSection.faultOfControl(octet))
    case .trailerLineFeed: return octet == Octets.lineFeed ? .trailerStart : .failed(.bareCarriageReturn)
    default: return octet == Octets.lineFeed ? .ended : .failed(.bareCarriageReturn)
    }
  }

  private mutating func afterNameOctet(_ octet: UInt8) -> State {
    if OctetSet.token.contains(octet) {
      if nameCount < name.count { name[nameCount] = octet }
      nameCount += 1
      return .trailerName
    }
    switch octet {
    case UInt8(ascii: ":"): return isForbidden ? .failed(.forbiddenTrailer) : .trailerValue
    case Octets.space, Octets.tab: return .failed(.spaceBeforeColon)
    case Octets.carriageReturn: return .failed(.missingColon)
    case _ where octet < 0x20: return .failed(FieldSection.faultOfControl(octet))
    default: return .failed(.badFieldName)
    }
  }

  /// No forbidden name is longer than what is kept of it, but those that begin with `x-pico-`, and these show in what is kept.
  private var isForbidden: Bool {
    // Every byte of an array of UInt8 is initialised: there is no padding.
    let known = FieldName(HeadSlice(start: 0, count: min(nameCount, name.count)), in: unsafe name.span.bytes)
    guard nameCount <= name.count || known == .picoOther else { return false }
    return FieldNames.forbiddenInTrailers.contains(known)
  }
}
