import JWTKit

@testable import PicoAuth

/// Keys that were made for these tests, and tokens signed with them.
enum MadeTokens {
  /// All tokens are looked at at this time.
  static let now = 1_800_000_000.0
  static let secret = Array("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".utf8)
  static let p256 = ES256PrivateKey()
  static let p384 = ES384PrivateKey()
  static let p521 = ES512PrivateKey()
  static let ed25519: EdDSA.PrivateKey? = try? EdDSA.PrivateKey()

  /// The key file that signs with an algorithm.
  static func keyFile(_ algorithm: TokenAlgorithm) throws -> [UInt8] {
    switch algorithm {
    case .hs256, .hs384, .hs512: secret
    case .es256: Array(p256.pemRepresentation.utf8)
    case .es384: Array(p384.pemRepresentation.utf8)
    case .es512: Array(p521.pemRepresentation.utf8)
    case .eddsa: Array((ed25519?.pemRepresentation ?? "").utf8)
    case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: Array(rsa.utf8)
    }
  }

  static func signing(_ algorithm: TokenAlgorithm) async throws -> SigningKey { try await SigningKey(file: keyFile(algorithm)) }

  /// A token of these claims, good for an hour unless they say otherwise.
  static func token(
    _ algorithm: TokenAlgorithm = .hs256, header: [(String, String)] = [], _ claims: [(String, String)] = [("exp", "1800003600")]
  ) async throws -> [UInt8] {
    Array(try await signing(algorithm).token(header: header, claims: claims, algorithm: algorithm).utf8)
  }

  /// A token whose parts are these texts as they are, signed with the secret by HS256.
  static func token(header: String, claims: String) async throws -> [UInt8] {
    let signed = Base64URL.encode(header.utf8) + "." + Base64URL.encode(claims.utf8)
    let key = try await VerificationKey(secret: secret)
    let signature = try key.verifiers[.hs256]?.sign(Array(signed.utf8)) ?? []
    return Array((signed + "." + Base64URL.encode(signature)).utf8)
  }

  static func verifier(_ algorithm: TokenAlgorithm = .hs256, _ rules: TokenRules = TokenRules()) async throws -> TokenVerifier {
    TokenVerifier(keys: KeySet([try await signing(algorithm).verification]), rules: rules)
  }

  /// As JWK.
  static func jwk(_ key: ES256PublicKey, id: String?, extra: String = "") -> String {
    let parameters = key.parameters ?? ("", "")
    func urlSafe(_ text: String) -> String {
      String(text.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }.filter { $0 != "=" })
    }
    return "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\(urlSafe(parameters.x))\",\"y\":\"\(urlSafe(parameters.y))\""
      + (id.map { ",\"kid\":\"\($0)\"" } ?? "") + extra + "}"
  }

  static func set(_ keys: String...) -> [UInt8] { Array("{\"keys\":[\(keys.joined(separator: ","))]}".utf8) }

  /// Of nobody: it was made for this file.
  static let rsa = """
    -----BEGIN PRIVATE KEY-----
    MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC7Vtp01msaKDT3
    +HvBkcLSGBskn70VesEngOdEkC4lXz/mtDmmbMCrxMAD6MQrWGgnLQFR/m+Q0QBp
    juqyklbvP3rUTS9CJ2vrJq5RCU3XfRCrD4eUnWxGEjju/mM+CeTx5GPVtNNvIdbO
    fMXrbf3s8DDYOLKV0HYflLG/l7eBxGryqKM7dmC//JbFaBOYt0gTPC8+Tay+WaSz
    8gDTnGmh2PisJHfDUo/RE+4P7dZcy+1ifIrRkbWJBRDAY/ObytFzRl7sKYa3q8RJ
    8E210QI4wESfP8VKXMdsGkhsAfc7Q+T3fFzMM/UW6FknX5N/B56OQRLX3GYOMA2g
    d03bNQlbAgMBAAECggEAF3PpmFvpf5ZN/0cr0xFY5u1epIic5s391WC1UyeLp2ET
    wmGIoBWYT0ir0zF2MYj5TQI82pN0SxhnKU/bgOyCFqSHT4G0K199CqzGgN2d0Z7W
    Edw5WHkWv3TzjLPrH66ka0Xw26WuHIkLd8E2E+Gqutlc/AypCslUqGJ4mCg5sHR8
    Jl/2aIMlEHVPZW/QrbbxS/o0GKd7O4xbySHkeTV3BY3+SjfZ/7gbDo8YIwv4wz02
    mD/a+YZw4tWANc67K8uSKZGVI+lcBjPV0zZLJ061m7b9SJgQs83tX2Z/ONUOYsF1
    psV/DofWggc3IkXupJneqw7a0r4vmQddXAYTBa5t/QKBgQDhSBFB17aeF3vHuRT1
    zqbJHcVk5dBeTvyV+AtLa14GjUhOe5b7zSPWOZjydWvF8obe/ZhhE3GmPSIVCTPX
    o8AT6xbndHmdA3GhXxJY6K9A0vqOSFOr1MpjNc8g85t9uLhh0ONBnlHKT0hdVzVA
    wCyAXzqQq+cDnZVGtLa6mFAz/wKBgQDU4lS1Kzlqhhs/4kXaDEmoidzR5q0kp3Jr
    t6bxd/i8cYA92S57VdyDf0s4sYQ1GkCBgDniduyMIOyrlAZQd1MVnKmCH5JVxYSB
    pXwcGPk5505U/Ei26Rw49JHe3iCDGE4/0wyPdD+GAQ/C2oHBQ2s7vA87trMdmcb+
    iuruWUR6pQKBgDrLZDWa5r47wsJNO3srg7vZWTsL/2Wdl65MHiaAzvlGxig1eSIe
    V8wBHDmrC4WN1kU8ShiLyo1oRwzWagFNa0PHhyLA8zxXOcCz30X09Egmx916Ytvl
    nSxnTrd63InjO7vLmIP3ncD/EBPMPsm3XeXi9JXtR01aQytA3q+0MLphAoGATmrU
    wyuZ6chej0i9bFWsaF3oLpWnX+IiftVWtIn54Qh6Mc4nlh0JrpKcVdTmG12BN3LR
    X79o4TFbnNRZAxkBTOu5cQpKMDgi2FLqBbuZSqAOtbV834u87qoAdbUjCsdQQ6ht
    bwZmQ+luMdulglhgTs+2WMuy7QtxRuBLK+NMG1UCgYAV8my4ZsltVPBpY22JV8fH
    EQemp55YqrNEen9WdUh1zsr1U03IHZ/cJ+a4+V0vJKT/GplxkKDHRYI4u17gFpzg
    okvf/NMyvqYxzJTyoKgMXbHgcOPs5F+aY8mLXWgiwR/Pv2IerQfgcPquZXHFXLek
    GfOpnz3H4PJruHGepOZi8A==
    -----END PRIVATE KEY-----
    """

  /// Of 1024 bits.
  static let weakRSA = """
    -----BEGIN PUBLIC KEY-----
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC26ZeiroYb7RtM2dNd4RlYOCJg
    PaQFJFvi5TYeEQ3OD+I+/6RHWLdqS+VuSYNIbmUTp4QkgRUToh0qFkmOQmp34Wod
    4pKfENrNnXhyOzlbMqb0AliXEk10IZDQCoJo7zpvsaLBWCkNydllh+XqxFVGzN8R
    NnO3QVa1EbqUh6lLqQIDAQAB
    -----END PUBLIC KEY-----
    """
}
