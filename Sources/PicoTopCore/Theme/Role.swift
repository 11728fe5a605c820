/// What a cell means; a theme says how that looks. The raw value is the role's name in a theme file.
package enum Role: String, CaseIterable, Sendable {
  case background = "bg"
  case foreground = "fg"
  case border
  case focusedBorder = "border.focus"
  case title
  case key
  case header
  case sortedHeader = "header.sort"
  case selectedRow = "row.selected"
  case ok
  case warn
  case error
  case muted
  case rate
  case lowLatency = "latency.low"
  case highLatency = "latency.high"
  case graph
  case dialog
  case danger
  case stale
}
