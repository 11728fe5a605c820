import Testing

@testable import PicoServer

@Suite struct ConnectionPlacesTests {
  private final class Connection {
    var id: ObjectIdentifier { ObjectIdentifier(self) }
  }

  private let all = (0..<4).map { _ in Connection() }

  private func places(_ standings: [ConnectionPlaces.Standing]) -> ConnectionPlaces {
    var places = ConnectionPlaces(maximum: standings.count)
    for connection in all.prefix(standings.count) { #expect(places.add(connection.id) == .admitted) }
    for (connection, standing) in zip(all, standings) where standing != .silent { places.change(connection.id, to: standing) }
    return places
  }

  /// Standings of the open connections, oldest first, and which of them gives way to one more.
  @Test(
    arguments: [
      ([.silent, .silent, .silent], 0), ([.idle, .silent, .silent], 1), ([.receiving, .idle, .busy], 1),
      ([.busy, .receiving, .receiving], 1), ([.busy, .busy, .busy], nil),
    ] as [([ConnectionPlaces.Standing], Int?)])
  func `what is of least use gives way, the oldest first`(standings: [ConnectionPlaces.Standing], gone: Int?) {
    var places = places(standings)
    #expect(places.add(all[3].id) == (gone.map { .inPlaceOf(all[$0].id) } ?? .refused))
  }

  @Test func `a connection that said something later is newer`() {
    var places = places([.idle, .idle])
    places.change(all[0].id, to: .busy)
    places.change(all[0].id, to: .idle)
    #expect(places.add(all[2].id) == .inPlaceOf(all[1].id))
  }

  @Test func `one that closed leaves its place, and one that gave way stays gone`() {
    var places = places([.silent, .silent])
    places.remove(all[0].id)
    #expect(places.add(all[2].id) == .admitted)
    #expect(places.add(all[3].id) == .inPlaceOf(all[1].id))
    places.change(all[1].id, to: .busy)
    places.change(all[2].id, to: .busy)
    #expect(places.add(all[0].id) == .inPlaceOf(all[3].id))
  }
}
