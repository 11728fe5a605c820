import Testing

@testable import PicoTopCore

@Suite struct ThemeCatalogueTests {
  @Test func `names are listed with the default first`() {
    let names = ThemeCatalogue(folders: [ShippedThemeTests.folder, "/nowhere"]).names
    #expect(names.first == "default-dark")
    #expect(Set(names) == Set(ShippedThemeTests.names))
    #expect(names.dropFirst().elementsEqual(names.dropFirst().sorted()))
  }

  @Test func `all shipped themes can be read`() {
    let (themes, errors) = ThemeCatalogue(folders: [ShippedThemeTests.folder]).themes()
    #expect(errors == [])
    #expect(themes.count == 17)
  }

  @Test func `the default is there without any folder`() throws {
    let catalogue = ThemeCatalogue(folders: [])
    #expect(catalogue.names == ["default-dark"])
    #expect(try catalogue.theme(named: "default-dark") == .builtIn)
  }

  @Test(arguments: ["nope", "../themes/nord", "", "\u{1B}x"]) func `an unknown name is an error that lists the names`(name: String) {
    let error = #expect(throws: ThemeError.self) { try ThemeCatalogue(folders: [ShippedThemeTests.folder]).theme(named: name) }
    #expect(error?.description.contains("there are default-dark") == true)
    #expect(error?.description.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
  }

  @Test func `the source tree is found from an executable within it`() {
    let root = ShippedThemeTests.folder.dropLast("/themes".count)
    let catalogue = ThemeCatalogue(themeFolder: nil, environment: [:], executable: "\(root)/.build/x86_64/release/pico-top")
    #expect(catalogue.names.contains("nord"))
    #expect(!ThemeCatalogue(themeFolder: nil, environment: [:], executable: "/usr/bin/pico-top-nowhere").names.contains("none"))
  }
}
