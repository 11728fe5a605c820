import Testing

@testable import PicoAuth

@Suite struct TokenHeaderTests {
  static let headers: [(authorization: [String], own: [String], token: String?, fault: TokenFault?)] = [
    ([], [], nil, .missing),
    (["Bearer t"], [], "t", nil),
    (["bearer t"], [], "t", nil),
    (["BEARER  \t t"], [], "t", nil),
    (["Basic dTpw"], [], nil, .missing),
    (["Bearer"], [], nil, .missing),
    (["Bearer "], [], nil, .missing),
    (["Bearert"], [], nil, .missing),
    ([""], [], nil, .missing),
    (["t"], [], nil, .missing),
    (["Bearer t", "Bearer t"], [], nil, .invalid(.repeatedHeader)),
    ([], ["t"], "t", nil),
    ([], ["Bearer t"], "t", nil),
    ([], ["Basic t"], nil, .invalid(.notBearer)),
    // Pico's own header never falls back to the other one.
    (["Bearer a"], ["b"], "b", nil),
    (["Bearer a"], [""], nil, .invalid(.notBearer)),
    (["Bearer a"], ["Basic b"], nil, .invalid(.notBearer)),
    (["Bearer a"], ["b", "b"], nil, .invalid(.repeatedHeader)),
  ]

  @Test(arguments: headers)
  func `a token is found where it stands`(authorization: [String], own: [String], token: String?, fault: TokenFault?) {
    do throws(TokenFault) {
      let found = try TokenHeader.token(authorization: authorization, own: own)
      #expect(String(decoding: found, as: UTF8.self) == token && fault == nil)
    } catch {
      #expect(error == fault)
    }
  }
}
